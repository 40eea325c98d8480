// Jobs outlive the page that started them, and other processes can control them.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { open, pause, place, processes, repartee, sample, until } from "./window.mjs";

const at = place();
const project = await sample(at);
const window = await open({ project, at });
const { browser } = window;
after(() => window.close());

const list = () => repartee(["job", "list", "--project", project, "--json"]);
const jobOf = async (run) => (await list()).find((job) => job.kind === "train" && job.params.config.includes(`name = "${run}"`));

/** Starts a training that would take long, by its form. */
async function train(name) {
  await window.go("#/train/new");
  await window.type("field-name", name);
  await window.type("field-epochs", "200");
  await window.says("What it will take");
  await window.click("train-start");
  await window.shown("run", 60_000);
  await until(async () => (await stepOf()) >= 2, "it learns", 120_000);
}

/** The step that the window shows. */
const stepOf = () =>
  browser.execute(() => {
    const words = document.querySelector("[data-testid=jobs-words]")?.textContent ?? "";
    return Number(/([\d,]+) of [\d,]+ steps/.exec(words)?.[1]?.replaceAll(",", "") ?? 0);
  });
const state = (wanted) =>
  until(async () => (await window.attribute("jobs-bar", "data-state")) === wanted, `the window says ${wanted}`, 60_000);

test("a training is paused, the page reloaded, and the training resumed", async () => {
  await train("rests");
  // while it runs, a reload returns to the same screen, and the job is unaffected
  await browser.refresh();
  await window.shown("run");
  await until(async () => (await stepOf()) >= 3, "it is shown again", 60_000);

  await window.click("run-pause");
  await window.shown("run-resume", 60_000);
  await state("paused");
  const paused = await jobOf("rests");
  assert.equal(paused.state, "paused");
  const step = paused.progress.done;
  assert.ok(step > 0);

  await browser.refresh();
  await window.shown("run-resume");
  assert.equal(await window.attribute("run", "data-state"), "paused");

  await window.click("run-resume");
  await state("running");
  const further = await until(async () => {
    const now = await stepOf();
    return now > step && now;
  }, "it resumes", 120_000);
  assert.ok(further < step + 400, `it resumed at ${further}, not at ${step} and after`);
  assert.equal((await list()).filter((job) => job.kind === "train" && job.state === "running").length, 1);
});

test("the command line pauses the job, and the window shows it", async () => {
  const { id } = await jobOf("rests");
  await repartee(["job", "pause", id, "--project", project]);
  await state("paused");
  await window.shown("run-resume");
  assert.match(await window.text("jobs-words"), /^paused at/);

  // and the other way round: the command line sees what the window requested
  await window.keys("g", "j");
  await window.shown("jobs-panel");
  await window.press("Stop and keep the checkpoint", "[data-testid=jobs-panel]");
  await until(async () => (await jobOf("rests")).state === "done", "it is stopped", 30_000);
  assert.equal((await jobOf("rests")).outcome.outcome, "stopped");
  await window.keys("Escape");
});

test("a job whose process is killed shows as interrupted, and is resumed", async () => {
  await train("dies");
  const { id } = await jobOf("dies");
  await until(async () => (await stepOf()) >= 3, "it learns", 60_000);
  const worker = [...processes()].find(([, { words }]) => words[1] === "work" && words[3] === id);
  assert.ok(worker, "it runs in a process of its own");
  process.kill(worker[0], "SIGKILL");
  await until(
    async () => /its program is gone/.test(await window.text("jobs-words")),
    "the window says that its process is gone",
    60_000,
  );
  await window.click("run-resume");
  await state("running");
  await pause(500);
  await window.click("run-stop");
  await until(async () => (await jobOf("dies")).state === "done", "it is stopped", 60_000);
});
