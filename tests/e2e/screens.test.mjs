// Every screen in both themes, with a full and an empty project: no serious axe violations, nothing cut off,
// no violation of the content security policy, and no empty screen without a next step. With
// REPARTEE_SCREENSHOTS, updates the screenshots in docs/screenshots.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { smaller } from "./png.mjs";
import { open, tempFolder, sample, until, workspace } from "./window.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const pictures = process.env.REPARTEE_SCREENSHOTS ? join(workspace, "docs/screenshots") : null;
if (pictures) mkdirSync(pictures, { recursive: true });

/** Screens of a full project: name, address, expected text, and a step before (and after). */
const FULL = [
  ["overview", "#/overview", "Queue"],
  ["sources", "#/data/sources", "synthetic threads"],
  ["pairs", "#/data/pairs", "pairs", (w) => w.keys("j", "j", "j")],
  ["pairs-distributions", "#/data/pairs", "Subreddit", (w) => w.press("Distributions")],
  ["labels", "#/data/labels", "Score bins"],
  ["splits", "#/data/splits", "no threads, pairs, texts or near-duplicates shared between sets"],
  ["import", "#/data/import", "Permission", (w, files) => addFile(w, files.table)],
  ["models", "#/models", "Model lineage"],
  ["runs", "#/train", "Best validation loss"],
  ["run", "#/train/run/writer", "Samples"],
  ["new-run", "#/train/new", "training examples"],
  ["compare-runs", "#/train/compare/judge,votes", "Config diff"],
  ["evaluations", "#/evaluate", "AUC"],
  ["evaluation-generator", "#/evaluate/1", "Perplexity"],
  ["evaluation", "#/evaluate/2", "Decision threshold"],
  ["evaluation-upvotes", "#/evaluate/3", "Quadratic weighted kappa"],
  ["compare-evaluations", "#/evaluate/compare/2,3", "Compare"],
  ["generate", "#/generate/1", "selected"],
  ["queue", "#/queue", "Draft"],
  ["reply", "#/queue/1", "History"],
  ["reddit-accounts", "#/reddit/accounts", "u/practice_bot"],
  ["reddit-rules", "#/reddit/rules", "Content filters"],
  ["reddit-permissions", "#/reddit/permissions", "Record permission"],
  ["reddit-threads", "#/reddit/threads", "Expires"],
  ["reddit-thread", "#/reddit/threads/6", "point"],
  ["reddit-outbox", "#/reddit/outbox", "Outbox"],
  ["reddit-outcomes", "#/reddit/outcomes", "Outcomes"],
  ["reddit-log", "#/reddit/log", "practice_bot"],
  ["settings", "#/settings", "This machine"],
  ["jobs", "#/overview", "Took", (w) => w.keys("g", "j"), (w) => closeJobs(w)],
  ["shortcuts", "#/overview", "Keyboard shortcuts", (w) => w.keys("?"), (w) => w.keys("Escape")],
];

/** Screens of an empty project, with a text that says what to do. */
const EMPTY = [
  ["#/overview", "Import comments"],
  ["#/data/sources", "No data yet"],
  ["#/data/pairs", "No pairs yet"],
  ["#/data/labels", "No scores to bin"],
  ["#/data/splits", "No splits yet"],
  ["#/models", "No base models yet"],
  ["#/train", "No runs yet"],
  ["#/train/new", "No GPT-2 base model yet"],
  ["#/evaluate", "No evaluations yet"],
  ["#/generate", "No generator yet"],
  ["#/queue", "The queue is empty"],
  ["#/reddit/accounts", "No accounts yet"],
  ["#/reddit/permissions", "No permissions yet"],
  ["#/reddit/threads", "No threads yet"],
  ["#/reddit/outbox", "Outbox is empty"],
  ["#/reddit/outcomes", "No posted replies yet"],
  ["#/reddit/log", "No log entries yet"],
];

/** Closes the jobs panel with Escape. */
async function closeJobs(window) {
  await window.keys("Escape");
  await until(async () => !(await window.find("jobs-panel").isExisting()), "the jobs panel is closed");
}

async function addFile(window, file) {
  await window.type("import-path", file);
  await window.keys("Enter");
  await window.shown("files");
}

/** Serious and critical axe violations. */
async function axeViolations({ browser }) {
  if (!(await browser.execute(() => "axe" in window))) await browser.execute(axe);
  const found = await browser.executeAsync((done) => {
    window.axe.run(document, { resultTypes: ["violations"] }).then(
      ({ violations }) =>
        done(
          violations
            .filter(({ impact }) => impact === "serious" || impact === "critical")
            .map(({ id, nodes }) => `${id}: ${nodes.map((n) => `${n.target.join(" ")} (${n.any[0]?.message ?? ""})`).join("; ")}`),
        ),
      (error) => done([String(error)]),
    );
  });
  return found;
}

/** Elements that extend horizontally beyond what is visible or can be scrolled to. */
const cutOff = ({ browser }) =>
  browser.execute(() => {
    const scrolls = (one) => ["auto", "scroll"].includes(getComputedStyle(one).overflowX);
    const out = [];
    for (const one of document.querySelectorAll("#app *, dialog[open] *")) {
      if (one.childElementCount > 0 || !one.checkVisibility() || one.closest("svg, .unseen, .skip")) continue;
      const box = one.getBoundingClientRect();
      if (box.width === 0 || box.height === 0) continue;
      let around = one.parentElement;
      while (around && !(scrolls(around) && around.scrollWidth > around.clientWidth && around.clientWidth > 0)) {
        around = around.parentElement;
      }
      const name = `${one.localName}.${one.className} “${one.textContent.trim().slice(0, 40)}”`;
      if (!around && (box.right > innerWidth + 1 || box.left < -1)) out.push(`outside: ${name}`);
      if (around?.matches("main, .content, .screen")) out.push(`scrolls sideways: ${name}`);
    }
    // a screen that fills the window scrolls inside; an outer scroll bar is a bug, unless large text leaves
    // no space
    const main = document.querySelector("main:has(.fills)");
    if (main && document.documentElement.style.fontSize === "100%" && main.scrollHeight > main.clientHeight + 1) out.push("the frame scrolls around a screen that fills it");
    return [...new Set(out)].slice(0, 8);
  });

/** Records policy violations, including earlier ones if the browser buffered them. */
const watchPolicy = ({ browser }) =>
  browser.execute(() => {
    window.violations = [];
    const note = (what, of) => window.violations.push(`${what}: ${of}`);
    document.addEventListener("securitypolicyviolation", (e) => note(e.effectiveDirective, e.blockedURI || e.sample));
    if ("ReportingObserver" in window) {
      new ReportingObserver((reports) => {
        for (const { body } of reports) note(body.effectiveDirective, body.blockedURL ?? body.sample);
      }, { types: ["csp-violation"], buffered: true }).observe();
    }
  });
const violations = ({ browser }) => browser.execute(() => window.violations);

for (const theme of ["light", "dark"]) {
  describe(`${theme} theme`, async () => {
    const at = tempFolder();
    const files = {
      table: at.write(
        "answers.csv",
        'question,answer,points,subreddit\n"How do I keep a chain from rusting?","Oil it after every ride and wipe it dry.",41,cycling\n"Is rye bread meant to be this dense?","Give it a longer second rise, and less flour.",17,Breadit\n',
      ),
    };
    const project = await sample(at);
    // screenshots need a composited frame, and without a graphics card the program turns compositing off
    const env = pictures ? { WEBKIT_DISABLE_COMPOSITING_MODE: "0" } : {};
    const window = await open({ project, at, width: 1024, height: 700, settings: { theme }, env });
    const { browser } = window;
    after(() => window.close());
    await watchPolicy(window);

    await until(() => browser.execute(() => innerWidth === 1024 && innerHeight === 700), "the window has its size");

    const screenshot = async (name) => {
      if (!pictures) return;
      const taken = Buffer.from(await browser.takeScreenshot(), "base64");
      writeFileSync(join(pictures, `${name}-${theme}.png`), smaller(taken));
    };

    for (const [name, address, words, before, afterwards] of FULL) {
      test(name, async () => {
        await window.go("#/settings"); // reset the screen
        await window.go(address);
        await before?.(window, files);
        await window.settled();
        await window.waitForText(words);
        await screenshot(name);
        const found = [...(await cutOff(window)), ...(await axeViolations(window))];
        await afterwards?.(window);
        assert.equal(await browser.$$("[data-testid=error]").length, 0, "an error is shown");
        assert.deepEqual(found, []);
      });
    }

    test("nothing is cut off at 200% text size", async () => {
      const found = [];
      for (let step = 0; step < 5; step += 1) await browser.keys(["Control", "="]);
      await until(() => browser.execute(() => document.documentElement.style.fontSize === "200%"), "the text size is 200%");
      for (const [name, address] of FULL) {
        if (["jobs", "shortcuts"].includes(name)) continue;
        await window.go(address);
        found.push(...(await cutOff(window)).map((what) => `${name}: ${what}`));
      }
      await browser.keys(["Control", "0"]);
      assert.deepEqual(found, []);
    });

    test("the start screen lists recent projects", async () => {
      await window.click("project-menu");
      await window.press("Close project");
      await window.screen("start");
      await window.waitForText("sample");
      await screenshot("start");
      assert.deepEqual([...(await cutOff(window)), ...(await axeViolations(window))], []);
    });

    test("every empty screen says what to do and offers it", async () => {
      await window.type("new-path", at.path("empty.repartee"));
      await window.keys("Enter");
      await window.screen("overview");
      const found = [];
      for (const [address, words] of EMPTY) {
        await window.go(address);
        await window.waitForText(words);
        const actions = await browser.execute(() => document.querySelectorAll("main :is(a, button)").length);
        if (actions === 0) found.push(`${address}: no actions`);
        if (address === "#/overview") await screenshot("overview-empty");
        found.push(...[...(await cutOff(window)), ...(await axeViolations(window))].map((what) => `${address}: ${what}`));
      }
      assert.deepEqual(found, []);
    });

    test("the content security policy was not violated, and violations are detected", async () => {
      assert.deepEqual(await violations(window), []);
      await browser.execute(() => {
        const one = document.createElement("p");
        one.setAttribute("style", "color: red");
        document.body.append(one);
        const script = document.createElement("script");
        script.textContent = "window.ran = true";
        document.body.append(script);
        new Image().src = "https://example.org/pixel.png";
      });
      await until(async () => {
        const recorded = (await violations(window)).join();
        return /style/.test(recorded) && /script/.test(recorded) && /img/.test(recorded);
      }, "violations are recorded");
      assert.equal(await browser.execute(() => "ran" in window), false);
    });
  });
}
