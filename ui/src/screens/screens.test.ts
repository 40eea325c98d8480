import { describe, expect, test } from "vitest";
import { axeViolations, openWindow, waitForText } from "../testing";

/** Every address with a text it shows in a full project and in an empty one. */
const SCREENS: [address: string, full: string | RegExp, empty: string | RegExp][] = [
  ["#/overview", "Review the drafts", "Import comments"],
  ["#/data/sources", "synthetic threads", "No data yet"],
  ["#/data/pairs", /[\d,]+ pairs/, "No pairs yet"],
  ["#/data/labels", "Score bins", "No scores to bin"],
  ["#/data/splits", "no threads, pairs, texts or near-duplicates shared between sets", "No splits yet"],
  ["#/data/import", "Files", "Files"],
  ["#/data/permissions", "Permission to train", "This project has no Reddit content"],
  ["#/models", "Model lineage", "No base models yet"],
  ["#/train", "Best validation loss", "No runs yet"],
  ["#/train/new", "Estimate", "No GPT-2 base model yet"],
  ["#/train/run/writer", "Samples", 'there is no run "writer"'],
  ["#/train/compare/judge,votes", "Config diff", 'there is no run "judge"'],
  ["#/evaluate", "AUC", "No evaluations yet"],
  ["#/evaluate/1", "Perplexity", /no evaluation/],
  ["#/evaluate/2", "Decision threshold", /no evaluation/],
  ["#/evaluate/3", /score -?\d+ to \d+/, /no evaluation/],
  ["#/evaluate/compare/2,3", "Quadratic weighted kappa", "Compare 0 evaluations"],
  ["#/generate", "No candidates yet", "No generator yet"],
  ["#/generate/1", /of 40 candidates selected/, "No generator yet"],
  ["#/queue", "Approved", "The queue is empty"],
  ["#/queue/4", "Mark as posted manually", "The queue is empty"],
  ["#/settings", "This machine", "Project file"],
  ["#/nowhere", "Page not found", "Page not found"],
];

describe.each(SCREENS)("%s", (address, full, empty) => {
  test("full", async () => {
    await openWindow(address);
    await waitForText(full);
    expect(document.querySelectorAll("h1")).toHaveLength(1);
    expect(document.activeElement?.tagName).toBe("H1");
    expect(await axeViolations()).toEqual([]);
  });

  test("empty: says what to do and offers it", async () => {
    await openWindow(address, { project: "empty" });
    await waitForText(empty);
    expect(await axeViolations()).toEqual([]);
    const note = document.querySelector("[data-testid=empty]");
    if (note) expect(note.querySelector("a, button"), note.textContent ?? "").not.toBeNull();
  });
});

test("without a project the start screen is shown", async () => {
  await openWindow("#/", { project: "none" });
  await waitForText("Try the sample");
  expect(await axeViolations()).toEqual([]);
});

test("a failed query shows its error and can be retried", async () => {
  const host = await openWindow("#/data/splits", {
    failing: { splits: { code: "busy", message: "another process holds the file", detail: ["since 14:03"] } },
  });
  await waitForText("another process holds the file");
  await waitForText("since 14:03");
  await waitForText("Wait until it is done");
  expect(document.querySelector("[data-testid=error]")?.getAttribute("data-code")).toBe("busy");
  host.failing = {};
  const again = [...document.querySelectorAll("button")].find((button) => button.textContent === "Try again");
  again?.click();
  await waitForText("no threads, pairs, texts or near-duplicates shared between sets");
  expect(document.querySelector("[data-testid=error]")).toBeNull();
});
