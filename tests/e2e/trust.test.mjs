// Only what was reviewed happens: a stale approval is refused, and posting has pauses, a countdown and a stop
// button.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { join } from "node:path";
import { cli, open, tempFolder, repartee, sample, until } from "./window.mjs";

const ACCOUNT = "repartee_bot";
const login = {
  REPARTEE_REDDIT_CLIENT_SECRET: "fake-secret",
  REPARTEE_REDDIT_USERNAME: ACCOUNT,
  REPARTEE_REDDIT_PASSWORD: "fake-password",
};
Object.assign(process.env, login);

const at = tempFolder();
const project = await sample(at);
const fake = spawn(join(cli, "..", "fake-reddit-under-test"), ["--port", "0", "--seed", "1", "--posts", "30"], {
  stdio: ["ignore", "pipe", "ignore"],
});
const base = await new Promise((found) => createInterface(fake.stdout).once("line", found));
const ask = (...words) => repartee([...words, "--project", project, "--json"]);
const posted = async () => (await (await fetch(`${base}/__fake/state`)).json()).posted;

await ask("reddit", "adopt", "--yes");
// remove the sandbox account of the sample, so that only one account posts
for (const { name } of await ask("reddit", "accounts")) await ask("reddit", "accounts", "remove", name);
await ask(
  ...["reddit", "accounts", "add", ACCOUNT, "--client-id", "fake-script", "--operator", "the_operator"],
  ...["--host", base, "--approval", "https://example.org/approved"],
);
await ask("reddit", "accounts", "label", ACCOUNT);
const before = new Set((await ask("queue", "list")).map((one) => one.id));
await ask(
  ...["reddit", "draft", "--fetch", "--comments", "6", "--min-p-real", "0", "--keep-flagged"],
  ...["--account", ACCOUNT],
  ...["--generator", "writer", "--realism", "judge", "--upvotes", "votes"],
);
const drafts = (await ask("reddit", "outbox")).filter((one) => one.state === "draft" && !before.has(one.reply));
assert.ok(drafts.length >= 2, "there are drafts");
for (const subreddit of new Set(drafts.map((one) => one.subreddit))) {
  await ask("reddit", "permit", subreddit, "--link", "http://127.0.0.1/yes");
}

const window = await open({ project, at });
const { browser } = window;
after(async () => {
  await window.close();
  fake.kill();
});

test("approval is refused after a change, and the change is shown", async () => {
  const { reply: id } = drafts[0];
  await window.go(`#/queue/${id}`);
  await window.shown("approve");
  // changed just before the click, so that the page is not notified in time
  await browser.execute(async (id) => {
    const params = { id, text: "Not the text on the screen.", who: "somebody else" };
    await window.__TAURI_INTERNALS__.invoke("rpc", { name: "reply.edit", params });
    document.querySelector("[data-testid=approve]").click();
  }, id);
  await window.waitForText("has changed since you reviewed it: the text changed");
  await until(
    async () => (await window.text("reply-shown")).startsWith("Not the text"),
    "the new text is shown",
  );
  const [now] = (await ask("reddit", "outbox")).filter((one) => one.reply === id);
  assert.equal(now.state, "draft");
});

test("shortcuts are off while an edit is open", async () => {
  const { reply: id } = drafts[0];
  await window.keys("e");
  await window.shown("reply-text");
  await browser.execute(() => {
    const field = document.querySelector("[data-testid=reply-text]");
    field.value += " More.";
    field.dispatchEvent(new InputEvent("input", { bubbles: true }));
    field.blur();
  });
  await window.keys("a");
  await window.keys("j");
  await window.shown("reply-text");
  const [now] = (await ask("reddit", "outbox")).filter((one) => one.reply === id);
  assert.equal(now.state, "draft");
  await window.click("reply-discard");
});

test("approved replies are posted one at a time, with a countdown and a stop button", async () => {
  for (const { reply: id } of drafts.slice(0, 2)) {
    // distinct texts, since similar replies are blocked
    const text = `Move pot number ${id} off the cold floor, and water it in the morning of day ${id * 7}.`;
    await ask("queue", "edit", String(id), "--text", text);
    const { reply } = await ask("queue", "show", String(id));
    await ask("queue", "approve", String(id), "--seen", reply.seen);
  }
  await window.go("#/queue");
  await window.click("post-all");
  await window.shown("post-all-list");
  await window.click("post-all-sure");
  const first = await until(async () => (await window.find("countdown").isExisting()) && window.text("countdown"), "the countdown is shown", 60_000);
  assert.equal(await posted(), 1);
  await until(async () => (await window.text("countdown")) !== first, "the countdown continues");
  await window.click("stop-all");
  await until(async () => !(await window.find("posting-all").isExisting()), "posting is stopped");
  assert.equal(await posted(), 1, "nothing more was sent");
  const states = (await ask("reddit", "outbox"))
    .filter((one) => drafts.slice(0, 2).some((draft) => draft.reply === one.reply))
    .map((one) => one.state);
  assert.deepEqual(states.sort(), ["approved", "posted"]);
});
