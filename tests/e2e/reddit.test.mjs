// Without a key and without a terminal: a Reddit sandbox runs, its threads are fetched and answered, one reply is
// approved and posted, and its outcome is read.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { open, place, repartee, sample, until } from "./window.mjs";

const at = place();
const project = await sample(at);
const window = await open({ project, at });
const { browser } = window;
after(() => window.close());

const ask = (...words) => repartee(["reddit", ...words, "--project", project, "--json"]);
const replies = () => ask("outbox");
/** The answer of the Reddit sandbox itself. */
const there = async (path) => {
  const [{ host }] = await ask("accounts");
  return (await fetch(`${host}/__fake/${path}`)).json();
};
let id;
let subreddit;

test("a Reddit sandbox runs, and its account is logged in", async () => {
  await window.go("#/reddit/accounts");
  await window.click("sandbox-start");
  await window.shown("sandbox-stop", 60_000);
  const { posts } = await until(() => there("state").catch(() => null), "it runs", 60_000);
  assert.ok(posts > 0);
  await until(async () => (await ask("accounts"))[0].missing.length === 0, "the account is ready", 60_000);
  await window.says("u/practice_bot");
});

test("a copied project must be confirmed", async () => {
  // the sample was created elsewhere, and this is a copy of it
  await window.shown("project-file");
  assert.match(await window.text("project-file"), /last used/);
  await window.click("adopt");
  await window.click("adopt-sure");
  await until(async () => !(await window.find("project-file").isExisting()), "it is confirmed");
});

test("its threads are fetched and answered with one button", async () => {
  const before = new Set((await replies()).map((one) => one.reply));
  await window.go("#/reddit/threads");
  await window.click("draft");
  // the sample already has threads: these are fetched again
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

test("a permission is recorded after reading the rules", async () => {
  await window.go("#/reddit/places");
  await window.click("permit-new");
  await window.type("permit-subreddit", subreddit);
  await window.click("permit-look");
  await window.shown("look");
  await window.says("Bots are labelled");
  await window.type("permit-link", "http://127.0.0.1/the-moderators-say-yes");
  await window.click("permit-save");
  await window.shown(`permit-${subreddit}`);
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
  await until(async () => (await window.text("reply-shown")).startsWith("Just move"), "the change is kept");
  await window.keys("a");
  await window.says(`Reply ${id} is approved.`);
  assert.equal((await there("state")).posted, 0);
});

test("it is posted once, with its footer, and its score is read", async () => {
  // the board now shows the next draft
  await window.go(`#/queue/${id}`);
  await window.click("post");
  const text = await window.text("post-text");
  assert.match(text, /I'm a bot/);
  await window.click("post-sure");
  await until(
    async () => (await replies()).find((one) => one.reply === id).state === "posted",
    "it is posted",
    60_000,
  );
  await until(async () => (await window.text("posting-state")) === "It stands on Reddit.", "the window says so");
  const { posted, duplicates } = await there("state");
  assert.deepEqual([posted, duplicates], [1, []]);

  await window.go("#/reddit/outcomes");
  await window.click("read-now");
  const [row] = await until(
    async () => {
      const { rows } = await ask("outcomes");
      return rows[0]?.readings.length === 3 && rows;
    },
    "its outcome is read",
    60_000,
  );
  // the sandbox's readers give a short useful answer 7 points, plus its author's own
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

test("the Reddit sandbox ends when it is stopped", async () => {
  await window.go("#/reddit/accounts");
  await window.click("sandbox-stop");
  await until(async () => !(await there("state").catch(() => null)), "nothing answers any more", 30_000);
});
