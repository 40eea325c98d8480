// Measures and prints the window's speed. The limits are far above the targets: they catch regressions, and the
// figures show the speed on this machine.
//
// REPARTEE_E2E_LARGE: the same with a million rows, imported and browsed in the window; takes minutes.

import assert from "node:assert/strict";
import { createWriteStream, readFileSync } from "node:fs";
import { after, test } from "node:test";
import { open, pause, place, processes, sample, tree, until } from "./window.mjs";

const LARGE = Boolean(process.env.REPARTEE_E2E_LARGE);
const ROWS = LARGE ? 1_000_000 : 40_000;
const at = place();
const project = await sample(at);
let window;
after(() => window?.close());

const say = (what, figures) => console.log(`${what}: ${figures}`);
const ms = (n) => `${Math.round(n)} ms`;

/** When a process was started, milliseconds since 1970, to a hundredth of a second. */
function startedMs(pid) {
  const booted = Number(/^btime (\d+)$/m.exec(readFileSync("/proc/stat", "utf8"))[1]);
  const ticks = 100; // USER_HZ on every Linux that has a window
  // btime is in whole seconds; uptime says the rest
  const uptime = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
  const exact = Date.now() / 1000 - uptime;
  const begin = Math.abs(exact - booted) < 2 ? exact : booted;
  return (begin + processes().get(pid).started / ticks) * 1000;
}

test("from start to a window that can be used, warm", async () => {
  const times = [];
  for (const warm of [false, true, true, true]) {
    window = await open({ project, at });
    await window.says("Queue");
    const [painted, answered] = await window.browser.execute(() => {
      const first = performance.getEntriesByName("first-contentful-paint")[0].startTime;
      const asked = performance.getEntriesByType("resource").filter((one) => one.startTime < first + 500);
      const last = Math.max(first, ...asked.map((one) => one.responseEnd));
      return [performance.timeOrigin + first, performance.timeOrigin + last];
    });
    const started = startedMs(window.pid);
    if (warm) times.push([painted - started, answered - started]);
    else say("first start", ms(answered - started));
    await window.close();
  }
  const middle = (which) => times.map((time) => time[which]).sort((a, b) => a - b)[1];
  say("process started to first content, warm", ms(middle(0)));
  say("process started to the overview with its answers, warm", ms(middle(1)));
  assert.ok(middle(1) < 15_000);
});

test("idle memory of the whole process tree", async () => {
  window = await open({ project, at });
  await window.says("Queue");
  await pause(3_000);
  const all = processes();
  let sum = 0;
  const parts = [];
  for (const id of tree(window.pid)) {
    const pss = Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${id}/smaps_rollup`, "utf8"))[1]) / 1024;
    sum += pss;
    parts.push(`${all.get(id)?.words[0].split("/").at(-1)} ${pss.toFixed(0)}`);
  }
  say("idle memory (PSS)", `${sum.toFixed(0)} MiB: ${parts.join(", ")}`);
  assert.ok(sum > 0 && sum < 1500);
});

/** Drafts to decide on: candidates of the sample are sent to the queue. */
async function drafts(count) {
  await window.go("#/generate/1");
  await window.shown("written");
  for (let sent = 0; sent < count; sent += 1) await window.press("Send to the queue", "[data-testid=written]");
  await window.go("#/queue");
  await window.shown("column-draft");
}

/** From the key to the board that shows the reply approved, and until that is painted. */
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
          const look = () => {
            const open = document.querySelector("[data-testid=open-reply]");
            const decided = open?.dataset.id !== of || open.dataset.state === "approved";
            if (!decided) return;
            seen.disconnect();
            const told = performance.now() - begun;
            requestAnimationFrame(() => {
              setTimeout(() => {
                window.took = [told, performance.now() - begun];
              });
            });
          };
          const seen = new MutationObserver(look);
          seen.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
        },
        { once: true, capture: true },
      );
    }, id);
    await browser.keys("a");
    took.push(await until(() => browser.execute(() => window.took), "it is approved", 30_000));
  }
  const sorted = (which) => took.map((times) => times[which]).sort((a, b) => a - b);
  return { told: sorted(0), painted: sorted(1) };
}
function tell(what, { told, painted }) {
  const middle = (times) => times[times.length >> 1];
  say(
    `approve a reply, ${what}`,
    `on the page after ${ms(middle(told))} (longest ${ms(told.at(-1))}), painted after ${ms(middle(painted))} (${ms(painted.at(-1))})`,
  );
}

test("a reply is approved while nothing else runs", async () => {
  await drafts(12);
  const took = await approve(4);
  tell("idle", took);
  assert.ok(took.told[2] < 2_000);
});

test("a reply is approved while a training uses all cores", async () => {
  await window.go("#/train/new");
  await window.type("field-name", "busy");
  await window.type("field-epochs", "200");
  await window.says("to learn from");
  await window.click("train-start");
  await window.shown("run", 60_000);
  await until(
    async () => /\d steps/.test(await window.text("jobs-words")) && !/^. of /.test(await window.text("jobs-words")),
    "it learns",
    120_000,
  );
  const took = await approve(4);
  tell("while a training uses all cores", took);
  assert.match(await window.text("jobs-words"), /training busy/);
  await window.go("#/train/run/busy");
  await window.click("run-stop");
  await until(async () => (await window.attribute("run", "data-state")) === "stopped", "it is stopped", 60_000);
  assert.ok(took.told[2] < 5_000);
});

test(`a reply is approved while ${ROWS} rows are imported`, async () => {
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
  // its column "subreddit" makes it Reddit content
  await window.click("study-none");
  const begun = Date.now();
  await window.click("import-start");
  await until(async () => (await window.attribute("jobs-bar", "data-state")) === "running", "it is imported");
  const took = await approve(4);
  const still = (await window.attribute("jobs-bar", "data-state")) === "running";
  tell(`while ${ROWS} rows are imported${still ? "" : " (the import ended before the last)"}`, took);
  await until(
    async () => (await window.attribute("jobs-bar", "data-state")) === "idle",
    "the import ends",
    900_000,
  );
  say(`import of ${ROWS} rows with a comment and a reply`, `${((Date.now() - begun) / 1000).toFixed(0)} s`);
  assert.ok(took.told[2] < 5_000);
});

test("scrolling the table of pairs does not block the page", async () => {
  const { browser } = window;
  const begun = Date.now();
  await window.go("#/data/pairs");
  await window.press("Build pairs…");
  await window.click("build-start");
  await window.shown("pairs-built", 900_000);
  say("pairs built", `${((Date.now() - begun) / 1000).toFixed(0)} s`);
  await window.press("Close");
  await window.shown("pairs");
  const total = await until(async () => {
    const rows = Number(await window.attribute("pairs", "data-total"));
    return rows >= ROWS && rows;
  }, "all pairs are in the table");
  await pause(2_000); // the histogram of the overview and the like
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
        if (way === "rolling") table.scrollTop += 120;
        else if (way === "jumping" && frames % 6 === 0) table.scrollTop = most * ((frames * 0.618) % 1);
        if (performance.now() < end) return requestAnimationFrame(frame);
        port1.onmessage = null;
        gaps.sort((a, b) => a - b);
        done({ longest: gaps.at(-1), over50: gaps.filter((g) => g > 50).length, frames, blank, turns: gaps.length });
      };
      table.scrollTop = 0;
      port2.postMessage(0);
      requestAnimationFrame(frame);
    }, how);
  // the first shows what the machine itself does to a page that does nothing
  for (const how of ["resting", "rolling", "jumping"]) {
    const { longest, over50, frames, blank, turns } = await measure(how);
    say(
      how === "resting" ? "a page at rest for 5 s" : `${how} through ${total} pairs for 5 s`,
      `longest block ${ms(longest)}, ${over50} over 50 ms, ${frames} frames, ${blank} of them with a row still to come`,
    );
    assert.ok(turns > 50 && frames > 5, `${turns} turns, ${frames} frames`);
    assert.ok(longest < 2_000);
  }
  // sorting and searching ask the engine; the page stays responsive
  const asked = Date.now();
  await window.press("Score", "[data-testid=pairs]");
  await until(
    () =>
      browser.execute(() => document.querySelector("[data-testid=pairs] [aria-sort=descending]") !== null),
    "sorted",
  );
  await window.rests();
  say(`sorting ${total} pairs by score, shown`, ms(Date.now() - asked));
});
