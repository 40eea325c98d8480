// Jobs survive a reload of the web view, and are shared with the command line.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { open, pause, tempFolder, processes, repartee, sample, until } from "./window.mjs";

const at = tempFolder();
const project = await sample(at);
const window = await open({ project, at });
const { browser } = window;
after(() => window.close());

const list = () => repartee(["job", "list", "--project", project, "--json"]);
const jobOf = async (run) => (await list()).find((job) => job.kind === "train" && job.params.config.name === run);

/** Starts a long training run from the form. */
async function train(name) {
  await window.go("#/train/new");
  await window.type("field-name", name);
  await window.type("field-epochs", "200");
  await window.waitForText("Estimate");
  await window.click("train-start");
  await window.shown("run", 60_000);
  await until(async () => (await stepOf()) >= 2, "training progresses", 120_000);
}

/** The step shown in the jobs bar. */
const stepOf = () =>
  browser.execute(() => {
    const words = document.querySelector("[data-testid=jobs-words]")?.textContent ?? "";
    return Number(/([\d,]+) of [\d,]+ steps/.exec(words)?.[1]?.replaceAll(",", "") ?? 0);
  });
const state = (wanted) =>
  until(async () => (await window.attribute("jobs-bar", "data-state")) === wanted, `the window says ${wanted}`, 60_000);

test("a run is paused and resumed across reloads of the web view", async () => {
  await train("paused-run");
  // a reload during training returns to the same screen without affecting the job
  await browser.refresh();
  await window.shown("run");
  await until(async () => (await stepOf()) >= 3, "progress is shown after the reload", 60_000);

  await window.click("run-pause");
  await window.shown("run-resume", 60_000);
  await state("paused");
  const paused = await jobOf("paused-run");
  assert.equal(paused.state, "paused");
  const step = paused.progress.done;
  assert.ok(step > 0);

  await browser.refresh();
  await window.shown("run-resume");
  await until(async () => (await window.attribute("run", "data-state")) === "paused", "the run is shown as paused");

  await window.click("run-resume");
  await state("running");
  const seen = [];
  await until(async () => {
    const now = await stepOf();
    if (now > 0) seen.push(now);
    return now > step;
  }, "training resumes", 120_000);
  assert.ok(Math.min(...seen) >= step, `resumed at step ${seen[0]} instead of after ${step}`);
  assert.equal((await list()).filter((job) => job.kind === "train" && job.state === "running").length, 1);
});

test("the window shows that the command line paused a job", async () => {
  const { id } = await jobOf("paused-run");
  await repartee(["job", "pause", id, "--project", project]);
  await state("paused");
  await window.shown("run-resume");
  assert.match(await window.text("jobs-words"), /^paused at/);

  // the command line sees what the window does
  await window.keys("g", "j");
  await window.shown("jobs-panel");
  await window.press("Stop and keep the checkpoint", "[data-testid=jobs-panel]");
  await until(async () => (await jobOf("paused-run")).state === "done", "the job is stopped", 60_000);
  assert.equal((await jobOf("paused-run")).outcome.outcome, "stopped");
  await window.keys("Escape");
});

test("a job whose process is killed is shown as interrupted and can be resumed", async () => {
  await train("killed-run");
  const { id } = await jobOf("killed-run");
  await until(async () => (await stepOf()) >= 3, "training progresses", 60_000);
  const worker = [...processes()].find(([, { words }]) => words[1] === "work" && words[3] === id);
  assert.ok(worker, "the job runs in its own process");
  process.kill(worker[0], "SIGKILL");
  await until(
    async () => /^interrupted/.test(await window.text("jobs-words")),
    "the window shows the job as interrupted",
    60_000,
  );
  await window.click("run-resume");
  await state("running");
  await pause(500);
  await window.click("run-stop");
  await until(async () => (await jobOf("killed-run")).state === "done", "the job is stopped", 60_000);
});
