// The command palette, undo in the queue, toasts that cover nothing, scroll positions, and dialogs in a low window.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Key } from "webdriverio";
import { open, tempFolder, repartee, sample, until } from "./window.mjs";

const at = tempFolder();
const project = await sample(at);
const window = await open({ project, at, width: 1024, height: 700 });
const { browser } = window;
after(() => window.close());

const reply = async (id) => (await repartee(["queue", "show", String(id), "--project", project, "--json"])).reply;
const gone = (id) => until(async () => !(await window.find(id).isExisting()), `${id} is gone`);

async function find(text) {
  await browser.keys([Key.Ctrl, "k"]);
  await window.shown("palette-text");
  await window.keys(...text);
}

test("the palette goes to a screen and to a run by keyboard alone", async () => {
  await find("settings");
  await window.keys("Enter");
  await window.screen("settings");
  await find("writer generator");
  await window.waitForText("Generator run");
  await window.keys("Enter");
  await window.screen("train");
  await window.waitForText("Samples");
  await find("new evaluation");
  await window.keys("ArrowDown", "ArrowUp", "Enter");
  await window.shown("evaluate-run");
  // off while a dialog is open
  await browser.keys([Key.Ctrl, "k"]);
  assert.equal(await window.find("palette").isExisting(), false);
  await window.keys("Escape");
  await gone("evaluate-run");
});

test("Escape closes the palette and returns the focus", async () => {
  await window.go("#/queue");
  await browser.execute(() => document.querySelector("[data-testid=nav-queue]").focus());
  await find("nothing");
  // Tab does not leave it
  await window.keys("Tab");
  assert.equal(await browser.execute(() => document.activeElement.dataset.testid), "palette-text");
  await window.keys("Escape");
  await gone("palette");
  assert.equal(await browser.execute(() => document.activeElement.dataset.testid), "nav-queue");
});

test("an approval is undone once, by Ctrl+Z or in its toast", async () => {
  const [{ id, text }] = (await repartee(["queue", "list", "--project", project, "--json"])).filter(
    (one) => one.state === "draft",
  );
  await window.go(`#/queue/${id}`);
  await window.shown("approve");
  await window.keys("a");
  await window.waitForText(`Reply ${id} approved.`);
  assert.equal((await reply(id)).state, "approved");
  await browser.keys([Key.Ctrl, "z"]);
  await window.waitForText(`Reply ${id} returned to draft.`);
  const undone = await reply(id);
  assert.deepEqual([undone.state, undone.text], ["draft", text]);
  await until(async () => (await window.attribute("open-reply", "data-id")) === String(id), "the reply is open");
  await window.click("approve");
  await window.waitForText(`Reply ${id} approved.`);
  await window.click("toast-action");
  await until(async () => (await reply(id)).state === "draft", "the approval is undone");
});

test("toasts cover no control", async () => {
  await window.go(`#/queue/${(await repartee(["queue", "list", "--project", project, "--json"]))[0].id}`);
  await window.shown("open-reply");
  await window.keys("c");
  await window.waitForText("clipboard");
  const covered = await browser.execute(() => {
    const toasts = document.querySelector("[data-testid=toasts]").getBoundingClientRect();
    if (toasts.height === 0) return ["no toast is shown"];
    const controls = [...document.querySelectorAll("button, a, input, textarea, select, summary")];
    return controls
      .filter((one) => one.checkVisibility() && !one.closest("[data-testid=toasts]"))
      .filter((one) => {
        const box = one.getBoundingClientRect();
        const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
        const inside = x >= toasts.left && x <= toasts.right && y >= toasts.top && y <= toasts.bottom;
        return inside && document.elementFromPoint(x, y)?.closest("[data-testid=toasts]") && isReachable(one, y);
      })
      .map((one) => one.textContent.trim());
    // below the end of a list that scrolls, a control is not covered but scrolled away
    function isReachable(one, y) {
      for (let around = one.parentElement; around; around = around.parentElement) {
        const { bottom } = around.getBoundingClientRect();
        if (["auto", "scroll", "hidden"].includes(getComputedStyle(around).overflowY) && y > bottom) return false;
      }
      return true;
    }
  });
  assert.deepEqual(covered, []);
  // nor does one cover the jobs bar
  await window.click("jobs-toggle");
  await window.shown("jobs-panel");
  await window.click("jobs-toggle");
});

test("Back restores the scroll position, and a new visit starts at the top", async () => {
  const top = () => browser.execute(() => document.getElementById("main").scrollTop);
  await browser.setWindowSize(1024, 480);
  await window.go("#/models");
  const to = await browser.execute(() => {
    const main = document.getElementById("main");
    main.scrollTop = 200;
    return main.scrollTop;
  });
  assert.ok(to > 0, "the screen scrolls");
  await window.settled();
  await window.go("#/settings");
  assert.equal(await top(), 0);
  // WebKit skips entries without a click when the driver goes back
  await browser.execute(() => history.back());
  await window.screen("models");
  await until(async () => Math.abs((await top()) - to) <= 1, "the position is restored");
  await window.go("#/settings");
  await window.go("#/models");
  assert.equal(await top(), 0);
  await browser.setWindowSize(1024, 700);
});

test("dialogs fit a window of 700 pixels with their buttons", async () => {
  for (const [address, words] of [
    ["#/data/splits?new=1", "Create split"],
    ["#/data/pairs?build=1", "Build pairs"],
    ["#/overview?pipeline=1", "Set up pipeline"],
    ["#/models?new=1", "Add base model"],
    ["#/models?fakes=1", "Generate"],
    ["#/evaluate?new=", "Evaluate"],
    ["#/reddit/threads?draft=1", "Draft"],
  ]) {
    await window.go("#/overview");
    await window.go(address);
    await until(() => browser.execute(() => document.querySelector("dialog[open]") !== null), `${words} is open`);
    await window.settled();
    const outside = await browser.execute(() => {
      const inside = (one) => {
        const { top, bottom } = one.getBoundingClientRect();
        return top >= 0 && bottom <= innerHeight;
      };
      const dialog = document.querySelector("dialog[open]");
      return [dialog, ...dialog.querySelectorAll("header button, footer button")]
        .filter((one) => !inside(one))
        .map((one) => one.localName);
    });
    assert.deepEqual(outside, [], address);
    await window.keys("Escape");
    await until(() => browser.execute(() => document.querySelector("dialog[open]") === null), `${words} is closed`);
  }
});
