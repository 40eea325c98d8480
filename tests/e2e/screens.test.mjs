// Every screen in both themes, full and empty: no serious axe violation, nothing cut off, no violation of the page's
// content security policy, no empty state without a hint. With REPARTEE_SCREENSHOTS the pictures in docs/screenshots
// are retaken.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { smaller } from "./png.mjs";
import { open, place, sample, until, workspace } from "./window.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const pictures = process.env.REPARTEE_SCREENSHOTS ? join(workspace, "docs/screenshots") : null;
if (pictures) mkdirSync(pictures, { recursive: true });

/** Screens of a project after the full pipeline: name, address, required text, and an action before. */
const FULL = [
  ["overview", "#/overview", "Queue"],
  ["sources", "#/data/sources", "synthetic threads"],
  ["pairs", "#/data/pairs", "pairs", (w) => w.keys("j", "j", "j")],
  ["pairs-spread", "#/data/pairs", "Subreddit", (w) => w.press("How they are spread")],
  ["labels", "#/data/labels", "Upvote bins"],
  ["splits", "#/data/splits", "no thread, no pair, no text of any length and no near-duplicate is on two sides"],
  ["import", "#/data/import", "Permission", (w, files) => look(w, files.table)],
  ["models", "#/models", "What was trained from what"],
  ["runs", "#/train", "Best validation loss"],
  ["run", "#/train/run/writer", "Samples"],
  ["new-run", "#/train/new", "to learn from"],
  ["compare-runs", "#/train/compare/judge,votes", "What differs"],
  ["evaluations", "#/evaluate", "AUC"],
  ["evaluation-generator", "#/evaluate/1", "Perplexity"],
  ["evaluation", "#/evaluate/2", "Called real from"],
  ["evaluation-upvotes", "#/evaluate/3", "Quadratic weighted kappa"],
  ["compare-evaluations", "#/evaluate/compare/2,3", "Compare"],
  ["generate", "#/generate/1", "picks"],
  ["queue", "#/queue", "Draft"],
  ["reply", "#/queue/1", "Story"],
  ["reddit-accounts", "#/reddit/accounts", "u/practice_bot"],
  ["reddit-rules", "#/reddit/rules", "What is refused"],
  ["reddit-places", "#/reddit/places", "Record a permission"],
  ["reddit-threads", "#/reddit/threads", "To answer"],
  ["reddit-thread", "#/reddit/threads/6", "point"],
  ["reddit-outbox", "#/reddit/outbox", "Outbox"],
  ["reddit-outcomes", "#/reddit/outcomes", "Outcomes"],
  ["reddit-log", "#/reddit/log", "practice_bot"],
  ["settings", "#/settings", "This machine"],
  ["jobs", "#/overview", "Took", (w) => w.keys("g", "j"), (w) => closed(w)],
  ["shortcuts", "#/overview", "Keyboard shortcuts", (w) => w.keys("?"), (w) => w.keys("Escape")],
];

/** Screens of an empty project, with their hints. */
const EMPTY = [
  ["#/overview", "Import comments"],
  ["#/data/sources", "Nothing is imported yet"],
  ["#/data/pairs", "There are no pairs yet"],
  ["#/data/labels", "There are no scores to label"],
  ["#/data/splits", "There is no split yet"],
  ["#/models", "There is no base yet"],
  ["#/train", "Nothing was trained yet"],
  ["#/train/new", "There is no GPT-2 base to start from"],
  ["#/evaluate", "Nothing was measured yet"],
  ["#/generate", "There is no generator yet"],
  ["#/queue", "The queue is empty"],
  ["#/reddit/accounts", "There is no account yet"],
  ["#/reddit/places", "No permission is recorded"],
  ["#/reddit/threads", "No thread is stored yet"],
  ["#/reddit/outbox", "No reply goes to Reddit yet"],
  ["#/reddit/outcomes", "Nothing was posted yet"],
  ["#/reddit/log", "Nothing has happened yet"],
];

/** Escape closes the jobs from where the focus is. */
async function closed(window) {
  await window.keys("Escape");
  await until(async () => !(await window.find("jobs-panel").isExisting()), "the jobs are closed");
}

async function look(window, file) {
  await window.type("import-path", file);
  await window.keys("Enter");
  await window.shown("files");
}

/** What axe calls serious or critical. */
async function faults({ browser }) {
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

/** What lies outside of what can be seen or scrolled to, sideways. */
const cut = ({ browser }) =>
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
    // a screen that fills the window has its own places that scroll; a second bar around them is a mistake, unless
    // the text is too large for them
    const main = document.querySelector("main:has(.fills)");
    if (main && document.documentElement.style.fontSize === "100%" && main.scrollHeight > main.clientHeight + 1) out.push("the frame scrolls around a screen that fills it");
    return [...new Set(out)].slice(0, 8);
  });

/** Records violations of the policy, from now on and, if the engine kept them, from before. */
const listen = ({ browser }) =>
  browser.execute(() => {
    window.forbidden = [];
    const note = (what, of) => window.forbidden.push(`${what}: ${of}`);
    document.addEventListener("securitypolicyviolation", (e) => note(e.effectiveDirective, e.blockedURI || e.sample));
    if ("ReportingObserver" in window) {
      new ReportingObserver((reports) => {
        for (const { body } of reports) note(body.effectiveDirective, body.blockedURL ?? body.sample);
      }, { types: ["csp-violation"], buffered: true }).observe();
    }
  });
const forbidden = ({ browser }) => browser.execute(() => window.forbidden);

for (const theme of ["light", "dark"]) {
  describe(`${theme} theme`, async () => {
    const at = place();
    const files = {
      table: at.write(
        "answers.csv",
        'question,answer,points,subreddit\n"How do I keep a chain from rusting?","Oil it after every ride and wipe it dry.",41,cycling\n"Is rye bread meant to be this dense?","Give it a longer second rise, and less flour.",17,Breadit\n',
      ),
    };
    const project = await sample(at);
    // pictures wait for a frame that is composed, and without a graphics card the program composes none
    const env = pictures ? { WEBKIT_DISABLE_COMPOSITING_MODE: "0" } : {};
    const window = await open({ project, at, width: 1024, height: 700, settings: { theme }, env });
    const { browser } = window;
    after(() => window.close());
    await listen(window);

    const size = await browser.execute(() => [innerWidth, innerHeight]);
    assert.deepEqual(size, [1024, 700]);

    const picture = async (name) => {
      if (!pictures) return;
      const taken = Buffer.from(await browser.takeScreenshot(), "base64");
      writeFileSync(join(pictures, `${name}-${theme}.png`), smaller(taken));
    };

    for (const [name, address, words, before, afterwards] of FULL) {
      test(name, async () => {
        await window.go("#/settings"); // each starts fresh
        await window.go(address);
        await before?.(window, files);
        await window.rests();
        await window.says(words);
        await picture(name);
        const found = [...(await cut(window)), ...(await faults(window))];
        await afterwards?.(window);
        assert.equal(await browser.$$("[data-testid=error]").length, 0, "an error is shown");
        assert.deepEqual(found, []);
      });
    }

    test("with text at twice its size nothing is cut off", async () => {
      const found = [];
      for (let step = 0; step < 5; step += 1) await browser.keys(["Control", "="]);
      await until(() => browser.execute(() => document.documentElement.style.fontSize === "200%"), "the text is large");
      for (const [name, address] of FULL) {
        if (["jobs", "shortcuts"].includes(name)) continue;
        await window.go(address);
        found.push(...(await cut(window)).map((what) => `${name}: ${what}`));
      }
      await browser.keys(["Control", "0"]);
      assert.deepEqual(found, []);
    });

    test("start, with recent projects", async () => {
      await window.click("project-menu");
      await window.press("Close the project");
      await window.screen("start");
      await window.says("sample");
      await picture("start");
      assert.deepEqual([...(await cut(window)), ...(await faults(window))], []);
    });

    test("empty screens say what to do, with a control for it", async () => {
      await window.type("new-path", at.path("empty.repartee"));
      await window.keys("Enter");
      await window.screen("overview");
      const found = [];
      for (const [address, words] of EMPTY) {
        await window.go(address);
        await window.says(words);
        const ways = await browser.execute(() => document.querySelectorAll("main :is(a, button)").length);
        if (ways === 0) found.push(`${address}: nothing can be done`);
        if (address === "#/overview") await picture("overview-empty");
        found.push(...[...(await cut(window)), ...(await faults(window))].map((what) => `${address}: ${what}`));
      }
      assert.deepEqual(found, []);
    });

    test("the policy was never violated, and a violation would have been recorded", async () => {
      assert.deepEqual(await forbidden(window), []);
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
        const heard = (await forbidden(window)).join();
        return /style/.test(heard) && /script/.test(heard) && /img/.test(heard);
      }, "what is forbidden is heard of");
      assert.equal(await browser.execute(() => "ran" in window), false);
    });
  });
}
