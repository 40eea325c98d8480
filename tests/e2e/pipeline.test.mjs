// The full pipeline by clicks and keys only, without a terminal.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, test } from "node:test";
import { open, repartee, SMALL, until } from "./window.mjs";

const window = await open({ env: { REPARTEE_DEMO_SCALE: SMALL }, width: 1024, height: 700 });
const { browser, at } = window;
after(() => window.close());

test("the sample runs from the start screen to an approved reply", async () => {
  await window.click("try-sample");
  await window.screen("overview");
  // the pipeline runs: each phase appears in the jobs bar
  await window.waitForText("Running now", 60_000);
  // noted by the page: on a fast machine a phase is shorter than the time between two calls of the driver
  await browser.execute(() => {
    window.phases = new Set();
    const note = () => {
      const words = document.querySelector("[data-testid=jobs-words]")?.textContent ?? "";
      window.phases.add(words.split(" · ")[0].trim());
    };
    new MutationObserver(note).observe(document.body, { subtree: true, childList: true, characterData: true });
    note();
  });
  await until(
    async () => {
      const { words, state } = await browser.execute(() => ({
        words: document.querySelector("[data-testid=jobs-words]")?.textContent ?? "",
        state: document.querySelector("[data-testid=jobs-bar]")?.dataset.state,
      }));
      assert.notEqual(state, "failed", words);
      return state === "idle" && words.includes("done");
    },
    "the pipeline completes",
    800_000,
  );
  const seen = new Set(await browser.execute(() => [...window.phases]));
  for (const phase of ["training writer", "generating fakes", "training judge", "training votes"]) {
    assert.ok(seen.has(phase), `${phase} not in ${[...seen].join(", ")}`);
  }
  assert.equal(await browser.$$("[data-testid=error]").length, 0);

  // add a candidate manually, whatever the criteria selected
  await window.keys("g", "w");
  await window.screen("generate");
  await window.find("generations").selectByIndex(1);
  await window.shown("results");
  await window.press("Add to queue");
  await until(() => browser.execute(() => document.body.innerText.includes("Added 1 candidate")), "a toast confirms it");

  // review by keyboard
  await window.keys("g", "q");
  await window.screen("queue");
  await window.shown("column-draft");
  await window.keys("j");
  await window.shown("open-reply");
  const id = await window.attribute("open-reply", "data-id");
  await window.keys("e");
  await window.shown("reply-text");
  await browser.keys(["Control", "End"]);
  await window.keys(..." indeed");
  await browser.keys(["Control", "Enter"]);
  await until(async () => (await window.text("reply-shown")).endsWith(" indeed"), "the edit is saved");
  await window.keys("a");
  await window.waitForText(`Reply ${id} approved.`);

  // the project file agrees with the window
  const project = at.path("repartee-sample/sample.repartee");
  assert.ok(existsSync(project));
  const replies = await repartee(["queue", "list", "--project", project, "--json"]);
  const reply = replies.find((one) => String(one.id) === id);
  assert.equal(reply.state, "approved");
  assert.ok(reply.text.endsWith(" indeed"));
  assert.notEqual(reply.text, reply.written);
});
