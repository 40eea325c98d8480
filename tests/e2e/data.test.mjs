// Importing a file with broken rows: valid rows are kept, and rejected ones are listed with line and reason.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { open, tempFolder, repartee, until } from "./window.mjs";

const at = tempFolder();
const project = at.path("new.repartee");
const window = await open({ at });
const { browser } = window;
after(() => window.close());

test("a project is created at a typed path", async () => {
  await window.type("new-path", project);
  await window.keys("Enter");
  await window.screen("overview");
  await window.waitForText("Import comments");
});

test("valid rows of a broken file are imported, and broken ones are listed with line and reason", async () => {
  const comment = (i, parent) =>
    JSON.stringify({
      id: `c${i}`,
      name: `t1_c${i}`,
      parent_id: parent,
      link_id: "t3_p",
      subreddit: "cycling",
      author: `person${i}`,
      body: `This is comment number ${i} about chains.`,
      score: i,
      created_utc: 1_550_000_000 + i,
    });
  const lines = Array.from({ length: 40 }, (_, i) => comment(i, i === 0 ? "t3_p" : `t1_c${i - 1}`));
  lines[11] = "this is not JSON";
  lines[29] = '{"id":"q"}';
  const file = at.write("RC_broken.ndjson", `${lines.join("\n")}\n`);

  await window.keys("n"); // not bound on this screen
  await window.keys("g", "d");
  await window.screen("data");
  await window.keys("n");
  await window.type("import-path", file);
  await window.keys("Enter");
  await window.shown("files");
  // a Reddit archive requires permission records
  await window.click("study-none");
  await window.click("import-start");
  await window.shown("import-result", 60_000);
  await window.waitForText("2 rows could not be read");
  await window.press("2 rows could not be read");
  const rows = await until(
    () =>
      browser.execute(() => {
        const found = [...document.querySelectorAll("[data-testid=rejected] tbody tr")];
        return found.length === 2 && found.map((row) => [...row.cells].map((cell) => cell.innerText));
      }),
    "both rejected rows are listed",
  );
  assert.equal(rows[0][0], "12");
  assert.match(rows[0][1], /JSON/);
  assert.equal(rows[0][2], "this is not JSON");
  assert.equal(rows[1][0], "30");

  // they are stored with the source
  await window.go("#/data/sources");
  await window.press("2 rows");
  await window.waitForText("Fix these rows");
  await window.keys("Escape");

  const [source] = await repartee(["source", "list", "--project", project, "--json"]);
  assert.deepEqual([source.counts.comments, source.counts.rejected], [38, 2]);
});

test("pairs are built and can be searched", async () => {
  await window.go("#/data/pairs");
  await window.press("Build pairs…");
  await window.click("build-start");
  await window.shown("pairs-built", 60_000);
  await window.press("Close");
  await window.shown("pairs");
  // the table is fetched again after the build
  await until(async () => Number(await window.attribute("pairs", "data-total")) > 30, "the table has all pairs");
  await window.keys("/");
  await window.keys(..."17");
  await until(async () => Number(await window.attribute("pairs", "data-total")) < 5, "the table shows search results");
  await window.waitForText("comment number 17");
});

test("a missing file is refused at the path field", async () => {
  await window.go("#/data/import");
  await window.type("import-path", at.path("nowhere.csv"));
  await window.keys("Enter");
  const error = await window.shown("error");
  assert.match(await error.getText(), /nowhere\.csv/);
});
