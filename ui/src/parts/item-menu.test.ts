import { fireEvent, screen, waitFor, within } from "@testing-library/svelte";
import { expect, test } from "vitest";
import { axeViolations, byId, callsTo, openWindow, textOf, waitForText } from "../testing";
import { holds, repliesWords, typedTags, withTag } from "./labels";

const last = <T>(list: T[]) => list.at(-1);

async function choose(menu: string, item: string): Promise<void> {
  await byId(menu);
  const list = (await byId(menu)).nextElementSibling as HTMLElement;
  await fireEvent.click(within(list).getByText(item));
}

test("renaming a run on its page updates the address", async () => {
  const host = await openWindow("#/train/run/writer");
  await choose("item-menu-run-writer", "Rename…");
  const name = (await byId("item-name")) as HTMLInputElement;
  expect(name.value).toBe("writer");
  await fireEvent.input(name, { target: { value: "writer, final" } });
  await fireEvent.click(await byId("item-rename"));
  await waitFor(() => expect(location.hash).toBe("#/train/run/writer%2C%20final"));
  expect(last(callsTo(host, "item.rename"))).toEqual({ kind: "run", item: "writer", name: "writer, final" });
  expect((await host.ask("fakes", {}))[0]?.config.generator).toBe("writer, final");
});

test("a name that is taken is refused and the input kept", async () => {
  await openWindow("#/train");
  await choose("item-menu-run-writer", "Rename…");
  await fireEvent.input(await byId("item-name"), { target: { value: "judge" } });
  await fireEvent.click(await byId("item-rename"));
  await waitForText("already exists; choose another name");
  expect(((await byId("item-name")) as HTMLInputElement).value).toBe("judge");
});

test("note and tags are shown, and the list can be filtered by tag", async () => {
  const host = await openWindow("#/evaluate");
  await byId("evaluation-1");
  expect(screen.queryByTestId("tag-filter")).toBeNull();
  await choose("item-menu-evaluation-1", "Edit note and tags…");
  await fireEvent.input(await byId("item-note"), { target: { value: "before the paper" } });
  await fireEvent.input(await byId("item-tags"), { target: { value: " paper, , baseline " } });
  await fireEvent.click(await byId("item-label"));
  await waitFor(() => expect(textOf(screen.getByTestId("evaluation-1"))).toContain("before the paper"));
  expect(last(callsTo(host, "item.label"))).toEqual({
    kind: "evaluation",
    item: "1",
    note: "before the paper",
    add: ["paper", "baseline"],
    remove: [],
  });
  expect(screen.getByTestId("evaluation-2")).toBeTruthy();
  await fireEvent.change(await byId("tag-filter"), { target: { value: "paper" } });
  await waitFor(() => expect(screen.queryByTestId("evaluation-2")).toBeNull());
  expect(screen.getByTestId("evaluation-1")).toBeTruthy();
  expect(await axeViolations()).toEqual([]);
});

test("dependents of a run are listed and deleted with it", async () => {
  const host = await openWindow("#/train");
  await choose("item-menu-run-writer", "Delete…");
  const list = await byId("item-dependents");
  for (const { name } of await host.ask("fakes", {})) expect(textOf(list)).toContain(name);
  expect(textOf(list)).toContain("written by run writer");
  expect(textOf(list)).toContain("judge");
  const button = (await byId("item-delete")) as HTMLButtonElement;
  expect(textOf(button)).toMatch(/^Delete all \d+$/);
  await fireEvent.click(button);
  await waitFor(() => expect(screen.queryByTestId("run-writer")).toBeNull());
  expect(last(callsTo(host, "item.delete"))).toMatchObject({
    kind: "run",
    item: "writer",
    with_dependents: true,
    who: "Ada",
  });
  await waitFor(async () => expect(await host.ask("fakes", {})).toEqual([]));
  expect((await host.ask("jobs", {})).some((job) => job.kind === "delete")).toBe(true);
});

test("a change after the list was shown cancels the deletion and updates the list", async () => {
  const host = await openWindow("#/train");
  await choose("item-menu-run-writer", "Delete…");
  await byId("item-dependents");
  await host.other("item.rename", { kind: "fakes", item: "fakes", name: "fakes, renamed" });
  await fireEvent.click(await byId("item-delete"));
  await waitForText("is not as it was shown");
  await waitFor(() => expect(textOf(screen.getByTestId("item-dependents"))).toContain("fakes, renamed"));
  expect((await host.ask("runs", {})).some((run) => run.name === "writer")).toBe(true);
});

test("every kind of item has the menu", async () => {
  for (const [address, menu] of [
    ["#/data/sources", "item-menu-source-1"],
    ["#/data/splits", "item-menu-split-main"],
    ["#/models", "item-menu-base-small-gpt2"],
    ["#/models", "item-menu-fakes-fakes"],
    ["#/evaluate/1", "item-menu-evaluation-1"],
  ] as const) {
    await openWindow(address);
    await byId(menu);
  }
});

test("texts of the delete dialog", () => {
  const one = { kind: "run", id: 1, name: "w", why: "", depth: 0, unit: "checkpoints" } as const;
  expect(holds({ ...one, rows: 2, bytes: 0 })).toBe("2 checkpoints");
  expect(holds({ ...one, rows: 0, bytes: 0 })).toBe("");
  const found = { items: [], replies: 3, approved: 1, kept: 2, seen: "" };
  expect(repliesWords(found)).toEqual([
    "3 replies in the queue will be deleted, including 1 approved.",
    "2 replies that were posted, or may have been, are kept with their candidates.",
  ]);
  expect(typedTags("a, b,,c ")).toEqual(["a", "b", "c"]);
  const items = [{ label: { note: "", tags: ["x"] } }, { label: { note: "", tags: [] } }];
  expect(withTag(items, "x")).toEqual([items[0]]);
  expect(withTag(items, null)).toEqual(items);
});
