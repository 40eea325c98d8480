// The Reddit sandbox without API access or a terminal: fetch threads, draft replies, approve and post one,
// and fetch its outcome.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { open, tempFolder, repartee, sample, until } from "./window.mjs";

const at = tempFolder();
const project = await sample(at);
const window = await open({ project, at });
const { browser } = window;
after(() => window.close());

const ask = (...words) => repartee(["reddit", ...words, "--project", project, "--json"]);
const replies = () => ask("outbox");
/** Queries the sandbox server. */
const sandbox = async (path) => {
  const [{ host }] = await ask("accounts");
  return (await fetch(`${host}/__fake/${path}`)).json();
};
let id;
let subreddit;

test("the sandbox starts and its account is logged in", async () => {
  await window.go("#/reddit/accounts");
  await window.click("sandbox-start");
  await window.shown("sandbox-stop", 60_000);
  const { posts } = await until(() => sandbox("state").catch(() => null), "the sandbox is running", 60_000);
  assert.ok(posts > 0);
  await until(async () => (await ask("accounts"))[0].missing.length === 0, "the account is ready", 60_000);
  await window.waitForText("u/practice_bot");
});

test("a copied project must be confirmed", async () => {
  // this project is a copy of the sample
  await window.shown("project-file");
  assert.match(await window.text("project-file"), /last used/);
  await window.click("adopt");
  await window.click("adopt-sure");
  await until(async () => !(await window.find("project-file").isExisting()), "the file is confirmed");
});

test("threads are fetched and drafts added in one step", async () => {
  const before = new Set((await replies()).map((one) => one.reply));
  await window.go("#/reddit/threads");
  await window.click("draft");
  // the sample already has threads: fetch them again
  await window.press("Fetch threads first");
  await window.type("min-p-real", "0");
  await window.type("draft-comments", "2");
  await window.click("draft-start");
  const drafts = await until(
    async () => {
      const fresh = (await replies()).filter((one) => !before.has(one.reply) && one.state === "draft");
      return fresh.length > 0 && fresh;
    },
    "drafts are in the queue",
    120_000,
  );
  ({ reply: id, subreddit } = drafts[0]);
  await window.shown("threads");
});

test("a permission is recorded after checking the rules", async () => {
  await window.go("#/reddit/permissions");
  await window.click("permission-new");
  await window.type("permission-subreddit", subreddit);
  await window.click("permission-check");
  await window.shown("subreddit-rules");
  await window.waitForText("Bots are labeled");
  await window.type("permission-link", "http://127.0.0.1/the-moderators-say-yes");
  await window.click("permission-save");
  await window.shown(`permission-${subreddit}`);
});

test("nothing is posted without approval", async () => {
  await window.go(`#/queue/${id}`);
  await window.shown("posting");
  assert.equal(await window.find("post").isExisting(), false);
  await window.keys("e");
  await window.shown("reply-text");
  await browser.keys(["Control", "a"]);
  await window.keys(..."Just move the pot off the cold floor.");
  await browser.keys(["Control", "Enter"]);
  await until(async () => (await window.text("reply-shown")).startsWith("Just move"), "the edit is saved");
  await window.keys("a");
  await window.waitForText(`Reply ${id} approved.`);
  assert.equal((await sandbox("state")).posted, 0);
});

test("the reply is posted once, with its footer, and its outcome is fetched", async () => {
  // approving opened the next draft
  await window.go(`#/queue/${id}`);
  await window.click("post");
  const text = await window.text("post-text");
  assert.match(text, /I'm a bot/);
  await window.click("post-sure");
  await until(
    async () => (await replies()).find((one) => one.reply === id).state === "posted",
    "the reply is posted",
    60_000,
  );
  await until(async () => (await window.text("posting-state")) === "Live on Reddit.", "the window shows it");
  const { posted, duplicates } = await sandbox("state");
  assert.deepEqual([posted, duplicates], [1, []]);

  await window.go("#/reddit/outcomes");
  await window.click("outcomes-refresh");
  const [row] = await until(
    async () => {
      const { rows } = await ask("outcomes");
      return rows[0]?.readings.length === 3 && rows;
    },
    "the outcome is fetched",
    60_000,
  );
  // users of the sandbox give a short useful reply 7 points in addition to its author's own
  assert.deepEqual([row.reply, ...row.readings.map((one) => one.score)], [id, 8, 8, 8]);
  await until(
    () =>
      browser.execute(() => {
        const [first] = document.querySelectorAll("[data-testid=outcome-rows] tbody tr");
        return /Just move/.test(first?.innerText) && first.innerText.match(/\b8\b/g)?.length === 3;
      }),
    "the window shows it",
  );
});

test("the sandbox can be stopped", async () => {
  await window.go("#/reddit/accounts");
  await window.click("sandbox-stop");
  await until(async () => !(await sandbox("state").catch(() => null)), "the sandbox no longer responds", 30_000);
});
