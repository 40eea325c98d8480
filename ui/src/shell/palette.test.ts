import { fireEvent, screen, waitFor } from "@testing-library/svelte";
import { describe, expect, test } from "vitest";
import {
  allAnswered,
  axeViolations,
  byId,
  callsTo,
  openWindow,
  press,
  textOf,
  waitForText,
} from "../testing";
import { ACTIONS, type Offer, SCREENS, search } from "./palette";

const texts = (found: Offer[]) => found.map((offer) => offer.text);

describe("search", () => {
  const offers: Offer[] = [
    { kind: "Screen", text: "Train" },
    { kind: "Action", text: "New run", also: "train model" },
    { kind: "Realism run", text: "judge-2", also: "paper" },
    { kind: "Realism run", text: "judge" },
    { kind: "Split", text: "main" },
  ];

  test("without text, everything keeps its order", () => {
    expect(texts(search(offers, " "))).toEqual(["Train", "New run", "judge-2", "judge", "main"]);
  });
  test("the beginning of a text is better than its inside or other words", () => {
    expect(texts(search(offers, "tra"))).toEqual(["Train", "New run"]);
    expect(texts(search(offers, "judge"))).toEqual(["judge", "judge-2"]);
  });
  test("words fit in any order, and letters may be left out", () => {
    expect(texts(search(offers, "RUN new"))).toEqual(["New run"]);
    expect(texts(search(offers, "jdg"))).toEqual(["judge", "judge-2"]);
    expect(texts(search(offers, "paper"))).toEqual(["judge-2"]);
    expect(search(offers, "xyz")).toEqual([]);
  });
  test("each screen and action is found by its own text first", () => {
    const all = [...SCREENS, ...ACTIONS];
    for (const { text } of all) expect(search(all, text)[0]?.text).toBe(text);
  });
});

/** Opens the palette and types. */
async function find(text: string): Promise<HTMLInputElement> {
  press("k", { ctrlKey: true });
  const field = (await byId("palette-text")) as HTMLInputElement;
  await waitFor(() => expect(document.activeElement).toBe(field));
  await fireEvent.input(field, { target: { value: text } });
  return field;
}

const activeText = (field: HTMLElement) =>
  textOf(document.getElementById(field.getAttribute("aria-activedescendant") ?? ""));

test("arrows and Enter go to a screen", async () => {
  const host = await openWindow("#/overview");
  await byId("pipeline");
  const field = await find("reddit");
  // runs, splits and so on are among the results once they are loaded
  await allAnswered(host);
  const first = activeText(field);
  press("ArrowDown");
  await waitFor(() => expect(activeText(field)).not.toBe(first));
  press("ArrowUp");
  await waitFor(() => expect(activeText(field)).toBe(first));
  press("ArrowUp");
  await waitFor(() => expect(activeText(field)).not.toBe(first));
  await fireEvent.input(field, { target: { value: "settings" } });
  await waitFor(() => expect(activeText(field)).toContain("Settings"));
  expect(await axeViolations()).toEqual([]);
  press("Enter");
  await byId("screen-settings");
  expect(screen.queryByTestId("palette")).toBeNull();
});

test("Escape closes it, keeps the screen, and returns the focus", async () => {
  await openWindow("#/queue/1");
  await byId("open-reply");
  const before = await byId("nav-queue");
  before.focus();
  await find("xyz no such thing");
  await waitForText("No matches.");
  expect(await axeViolations()).toEqual([]);
  press("Escape");
  await waitFor(() => expect(screen.queryByTestId("palette")).toBeNull());
  expect(document.activeElement).toBe(before);
  // Escape was not for the reply
  await byId("open-reply");
});

test("runs, evaluations, splits, bases and fakes are found by name", async () => {
  const host = await openWindow("#/overview");
  await byId("pipeline");
  const [base] = await host.ask("bases", {});
  const [fakes] = await host.ask("fakes", {});
  const items: [typed: string, shown: string, address: string][] = [
    ["writer generator", "writer Generator run", "#/train/run/writer"],
    ["evaluation judge", "Evaluation", "#/evaluate/"],
    ["main split", "main Split", "#/data/splits?show=main"],
    [`${base?.name} base`, `${base?.name} Base model`, "#/models"],
    [`${fakes?.name} set`, `${fakes?.name} Set of fakes`, "#/models?show="],
  ];
  for (const [typed, shown, address] of items) {
    const field = await find(typed);
    await waitFor(() => expect(activeText(field)).toContain(shown));
    press("Enter");
    await waitFor(() => expect(location.hash).toContain(address));
  }
  await waitForText("Real vs. generated");
});

test("an action opens its dialog, also on the screen that is shown, and twice", async () => {
  await openWindow("#/evaluate");
  await byId("evaluate-new");
  for (let time = 0; time < 2; time += 1) {
    await find("new evaluation");
    press("Enter");
    await byId("evaluate-run");
    // shortcuts are off while a dialog is open
    press("k", { ctrlKey: true });
    await fireEvent.click(screen.getByRole("button", { name: "Cancel" }));
    await waitFor(() => expect(screen.queryByTestId("evaluate-run")).toBeNull());
    expect(screen.queryByTestId("palette")).toBeNull();
  }
});

test("the queue can be exported from another screen", async () => {
  const host = await openWindow("#/overview");
  await byId("pipeline");
  await find("export queue");
  press("Enter");
  const path = (await byId("export-path")) as HTMLInputElement;
  expect(path.value).toMatch(/queue\.csv$/);
  await fireEvent.submit(path.form as HTMLFormElement);
  await waitFor(() => expect(callsTo(host, "export.queue")).toHaveLength(1));
});

test("it does not open over an unsaved edit", async () => {
  await openWindow("#/queue/1");
  await byId("open-reply");
  press("e");
  const text = (await byId("reply-text")) as HTMLTextAreaElement;
  await fireEvent.input(text, { target: { value: "unsaved text" } });
  press("k", { ctrlKey: true });
  await waitForText("Save or discard your edit first.");
  expect(screen.queryByTestId("palette")).toBeNull();
});
