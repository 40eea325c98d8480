import { fireEvent, screen, waitFor } from "@testing-library/svelte";
import { expect, test } from "vitest";
import type { NextStep } from "../../host";
import api from "../../host/api.ts?raw";
import { newId } from "../../state/id";
import {
  axeViolations,
  byId,
  callsTo,
  enabledById,
  openWindow,
  textOf,
  training,
  waitForText,
} from "../../testing";
import { addressOf } from "./steps";

/** The engine's steps, from the doc comment of their type. */
const STEPS = (/type NextStep = \{\s*\/\*\* ([^*]+)\. \*\//.exec(api)?.[1] ?? "")
  .replace("; about Reddit:", ",")
  .split(",")
  .map((name) => name.trim());

test("every step of the engine has an address", () => {
  expect(STEPS).toContain("import");
  expect(STEPS).toContain("draft");
  for (const step of STEPS) {
    const address = addressOf({ step, what: "", why: "", kind: null } satisfies NextStep);
    expect(address, step).not.toBe("#/overview");
  }
});

test("the pipeline shows Reddit threads and posted replies", async () => {
  const host = await openWindow("#/overview", { project: "unconfirmed" });
  const { reddit, queue } = await host.ask("overview", {});
  expect(queue).toMatchObject({ uncertain: 1, absent: 1 });
  const threads = `Threads ${reddit.threads} ${reddit.open} comment${reddit.open === 1 ? "" : "s"} to answer`;
  expect(textOf(await byId("node-threads"))).toBe(threads);
  expect((await byId("node-posted")).getAttribute("href")).toBe("#/queue");
  expect(textOf(await byId("node-posted"))).toBe(`Posted ${queue.posted} 2 with delivery unconfirmed`);
  // in another process
  for (const id of [14, 15])
    await host.other("reply.settle", { id, settle: { settle: "give-up" }, who: "cli" });
  await waitFor(async () =>
    expect(textOf(await byId("node-posted"))).toBe(`Posted ${queue.posted} outcomes`),
  );
  expect((await byId("node-posted")).getAttribute("href")).toBe("#/reddit/outcomes");
});

test("the next step is posting with an account, or by hand without one", async () => {
  const host = await openWindow("#/overview");
  await waitForText("Post an approved reply");
  expect(textOf(document.body)).not.toContain("by hand");
  for (const { name } of await host.ask("accounts", {}))
    await host.other("account.remove", { name, who: "cli" });
  await waitForText("Post an approved reply by hand");
});

test("drafting starts from the overview", async () => {
  await openWindow(addressOf({ step: "draft", what: "", why: "", kind: null }));
  const start = await byId("draft-start");
  await waitFor(() => expect(start.hasAttribute("disabled")).toBe(false));
  expect(start.textContent).toContain("Draft replies");
  await fireEvent.click(start);
  await waitForText("Review drafts");
});

test("a running sandbox hides neither the next step nor another job", async () => {
  const host = await openWindow("#/overview");
  const bar = await byId("jobs-bar");
  await host.call("job.start", { id: newId(), kind: "sandbox", params: {} });
  await waitFor(() => expect(textOf(bar)).toContain("Reddit sandbox"));
  expect(textOf(await byId("next"))).toBe("Review the drafts");
  await host.call("job.start", { id: newId(), kind: "train", params: await training(host, "late") });
  await waitFor(() => {
    expect(textOf(bar)).toContain("Train late");
    expect(textOf(bar)).toContain("1 more");
  });
});

test("the pipeline is planned, changed and queued", async () => {
  const host = await openWindow("#/overview");
  await fireEvent.click(await byId("set-up-pipeline"));
  await byId("pipeline-steps");
  // everything of the sample is done
  for (const [step, words] of [
    ["pipeline-split", "split main"],
    ["pipeline-generator", "run writer"],
    ["pipeline-fakes", "set fakes"],
    ["pipeline-evaluate-upvotes", "run votes"],
  ] as const) {
    expect(textOf(await byId(step))).toContain(words);
    expect(textOf(await byId(step))).toContain("done");
  }
  expect((await byId("pipeline-queue")).hasAttribute("disabled")).toBe(true);
  // another name makes another run
  const set = async (setting: string, value: string) =>
    fireEvent.change(await byId(`set-${setting}`), { target: { value } });
  await set("upvotes.name", "votes-2");
  await waitFor(() => expect(textOf(screen.getByTestId("pipeline-queue"))).toBe("Queue 2 jobs"));
  await set("upvotes.steps", "7");
  await waitFor(() => expect(textOf(screen.getByTestId("pipeline-upvotes"))).toContain("7 steps"));
  expect(await axeViolations()).toEqual([]);
  await fireEvent.click(await enabledById("pipeline-queue"));
  await waitFor(() => expect(screen.queryByTestId("pipeline-steps")).toBeNull());
  expect(callsTo(host, "pipeline.queue")).toMatchObject([
    { preset: "standard", set: ["upvotes.name=votes-2", "upvotes.steps=7"] },
  ]);
  const trainings = (await host.ask("jobs", {})).filter((job) => job.kind === "train");
  const configs = trainings.map((job) => (job.params as { config: { name: string; steps: number } }).config);
  expect(configs).toContainEqual(expect.objectContaining({ name: "votes-2", steps: 7 }));
});

test("an invalid setting of the pipeline is named, and nothing can be queued", async () => {
  await openWindow("#/overview?pipeline=1");
  await fireEvent.change(await byId("set-upvotes.name"), { target: { value: "votes-2" } });
  const steps = await byId("set-upvotes.steps");
  await fireEvent.change(steps, { target: { value: "many" } });
  await waitForText('steps takes a whole number, not "many"');
  expect(screen.getByTestId("pipeline-queue").hasAttribute("disabled")).toBe(true);
});

test("without imported text, the pipeline says so", async () => {
  await openWindow("#/overview?pipeline=1", { project: "empty" });
  await waitForText("nothing is imported yet");
  expect(screen.getByTestId("pipeline-queue").hasAttribute("disabled")).toBe(true);
  expect(screen.queryByTestId("set-up-pipeline")).toBeNull();
});
