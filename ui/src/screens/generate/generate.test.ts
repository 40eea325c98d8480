import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { beforeEach, expect, test } from "vitest";
import type { JobInfo } from "../../host";
import { go } from "../../state/route.svelte";
import {
  allAnswered,
  byId,
  callsTo,
  enabledById,
  openWindow,
  press,
  type TestHost,
  textOf,
  waitForText,
} from "../../testing";
import Candidate from "./Candidate.svelte";
import { clearForm } from "./form.svelte";

const last = <T>(list: T[]) => list.at(-1);
beforeEach(clearForm);

async function startGeneration() {
  await fireEvent.click(await enabledById("generate-start"));
}

/**
 * The window does not learn that a generation is done until the returned function is called: its results would replace
 * what is read here.
 */
async function holdGeneration(host: TestHost): Promise<() => void> {
  const earlier = new Set((await host.ask("jobs", {})).map((job) => job.id));
  let holds = true;
  const held = (job: JobInfo): JobInfo =>
    holds && !earlier.has(job.id) && job.kind === "generate" && job.state === "done"
      ? { ...job, state: "running", outcome: null, ended_ms: null }
      : job;
  host.changes.jobs = (jobs) => jobs.map(held);
  host.changes["job.get"] = held;
  return () => {
    holds = false;
    host.changed("jobs");
  };
}

test("candidates are streamed, scored and selected", async () => {
  const host = await openWindow("#/generate");
  const release = await holdGeneration(host);
  await fireEvent.input(await byId("comment"), {
    target: { value: "My curry always tastes flat. Any ideas?" },
  });
  await fireEvent.input(await byId("min-p-real"), { target: { value: "0.99" } });
  await startGeneration();
  const live = await byId("live");
  await waitFor(() => expect(live.textContent).toContain("My curry always tastes flat"));
  await waitFor(() => expect(live.querySelectorAll("[data-testid=candidate]")).toHaveLength(10));
  expect(last(callsTo(host, "job.start"))).toMatchObject({
    kind: "generate",
    params: {
      comments: [{ comment: "My curry always tastes flat. Any ideas?" }],
      generator: "writer",
      realism: "judge",
      upvotes: "votes",
      queue: false,
    },
  });
  release();
  await byId("results");
  expect(location.hash).toBe("#/generate/3");
  await waitForText(/≤ min 0\.99/);
});

test("loaded models show their memory until it is released", async () => {
  const host = await openWindow("#/generate");
  await fireEvent.input(await byId("comment"), { target: { value: "Which pot?" } });
  await allAnswered(host);
  expect(screen.queryByTestId("loaded-models")).toBeNull();
  await startGeneration();
  // their size may be known later
  await waitFor(async () =>
    expect(textOf(await byId("loaded-models"))).toMatch(/Models in memory: [\d.]+ [kMG]B\./),
  );
  expect(textOf(await byId("loaded-models"))).toContain("10 minutes");
  await fireEvent.click(await byId("release-models"));
  await waitFor(() => expect(screen.queryByTestId("loaded-models")).toBeNull());
  expect(callsTo(host, "models.release")).toHaveLength(1);
  expect(await host.ask("models.loaded", {})).toBeNull();
});

test("models that are loaded when the screen is opened are shown", async () => {
  const changes = { "models.loaded": () => ({ bytes: 1_234_000_000 }) };
  const host = await openWindow("#/generate", { changes, settings: { keep_models_min: 1 } });
  const loaded = await byId("loaded-models");
  expect(loaded.textContent?.replace(/\s+/g, " ")).toContain("Models in memory: 1.2 GB.");
  expect(loaded.textContent).toContain("1 minute.");
  host.send({ event: "models", loaded: { bytes: null } });
  await waitFor(() => expect(loaded.textContent).toContain("Models in memory."));
  host.send({ event: "models", loaded: null });
  await waitFor(() => expect(screen.queryByTestId("loaded-models")).toBeNull());
});

test("sampled test comments are shown", async () => {
  const host = await openWindow("#/generate");
  await holdGeneration(host);
  await fireEvent.input(await byId("unseen"), { target: { value: "2" } });
  await startGeneration();
  const live = await byId("live");
  await waitFor(() => expect(live.querySelectorAll(".comment")).toHaveLength(2));
  expect(live.textContent).not.toContain("Test comment");
});

test("Ctrl+Enter in a field starts generation", async () => {
  const host = await openWindow("#/generate");
  const field = await byId("comment");
  await fireEvent.input(field, { target: { value: "Is that normal?" } });
  await waitFor(() =>
    expect((document.querySelector("[data-testid=generate-start]") as HTMLButtonElement).disabled).toBe(
      false,
    ),
  );
  field.focus();
  press("Enter", { ctrlKey: true });
  await waitFor(() => expect(last(callsTo(host, "job.start"))).toMatchObject({ kind: "generate" }));
  await waitFor(() => expect(location.hash).toContain("job="));
});

test("changed criteria select again without storing", async () => {
  const host = await openWindow("#/generate/1");
  const results = await byId("results");
  await waitForText("5 of 40 candidates selected");
  const number = results.querySelector("[data-testid=per-thread]") as HTMLInputElement;
  await fireEvent.input(number, { target: { value: "3" } });
  await waitFor(() =>
    expect(last(callsTo(host, "generation.pick"))).toMatchObject({ id: 1, criteria: { per_thread: 3 } }),
  );
  await waitFor(() =>
    expect((document.querySelector("[data-testid=selected-count]") as HTMLElement).textContent).toMatch(
      /1\d\s+of\s+40/,
    ),
  );
});

test("selected candidates are added to the queue and marked", async () => {
  const host = await openWindow("#/generate/1");
  await fireEvent.click(await byId("queue-selected"));
  await waitFor(() => expect(callsTo(host, "candidate.queue")).toHaveLength(5));
  await waitForText("All selected are in the queue");
  expect(callsTo(host, "candidate.queue")[0]).toMatchObject({ who: "Ada" });
  expect(screen.getAllByText("In queue")).toHaveLength(5);
});

test("a manually selected candidate is marked as such", async () => {
  const host = await openWindow("#/generate/1");
  await byId("results");
  const others = await screen.findAllByTestId("candidate");
  const send = others.flatMap((one) =>
    one.dataset.picked === "false" ? [...one.querySelectorAll<HTMLElement>("button.send")] : [],
  );
  await fireEvent.click(send[0] as HTMLElement);
  await waitFor(() => expect(callsTo(host, "candidate.queue")).toHaveLength(1));
  const byHand = async () =>
    (await host.ask("queue", { state: null })).find((reply) => reply.reason.includes("by hand, by Ada"));
  await waitFor(async () => expect(await byHand()).toBeDefined());
  go(`#/queue/${(await byHand())?.id}`);
  const why = await byId("selected-why");
  expect(why.textContent).toMatch(/^\s*Selected\s+by hand, by Ada; the criteria did not pick it: /);
});

test("min p(real) applies only with a realism model", async () => {
  const host = await openWindow("#/generate");
  await fireEvent.input(await byId("comment"), { target: { value: "Which pot?" } });
  await enabledById("generate-start");
  await fireEvent.change(screen.getByLabelText("Realism"), { target: { value: "" } });
  await startGeneration();
  await waitFor(() =>
    expect(last(callsTo(host, "job.start"))).toMatchObject({
      params: { realism: null, criteria: { min_p_real: null } },
    }),
  );
});

test("leaving the screen keeps the form", async () => {
  await openWindow("#/generate");
  await fireEvent.input(await byId("comment"), { target: { value: "half a thought" } });
  await openWindow("#/queue");
  await byId("board");
  await openWindow("#/generate");
  expect(((await byId("comment")) as HTMLTextAreaElement).value).toBe("half a thought");
});

test("a copied candidate shows its source with a link to the pair", async () => {
  render(Candidate, {
    text: "Let the soil dry between waterings, then move the pot.",
    finish: "end",
    p_real: null,
    bins: null,
    mark: 0.5,
    scoresReal: false,
    scoresUpvotes: false,
    picked: false,
    reason: "8 words in a row from training pair t1_abc",
    flags: [
      {
        kind: "shared-run",
        reason: "8 words in a row from training pair t1_abc",
        pair: "t1_abc",
        source: "Let the soil dry between waterings, then move it!",
      },
      { kind: "duplicate", reason: "duplicate of candidate 1", pair: null, source: null },
    ],
  });
  const flags = await screen.findAllByTestId("flag");
  expect(flags.map((flag) => flag.textContent?.includes("8 words in a row"))).toEqual([false, false]);
  expect(flags[0]?.querySelector("q")?.textContent).toBe("Let the soil dry between waterings, then move it!");
  expect(flags[0]?.querySelector("a")?.getAttribute("href")).toBe(
    "#/data/pairs?words=Let+the+soil+dry+between+waterings+then+move+it",
  );
  expect(flags[1]?.textContent).toContain("duplicate of candidate 1");
});

test("an empty candidate cannot be added to the queue", async () => {
  const of = (text: string) => ({
    text,
    finish: "end",
    p_real: 0.5,
    bins: null,
    mark: 0.5,
    scoresReal: true,
    scoresUpvotes: false,
    onsend: () => {},
  });
  const { rerender } = render(Candidate, of("so it is"));
  expect(screen.queryByText("Add to queue")).not.toBeNull();
  await rerender(of(""));
  expect(screen.queryByText("Add to queue")).toBeNull();
  await waitForText("No text.");
});
