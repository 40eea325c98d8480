// Forms preselect the newest usable item.

import { fireEvent, waitFor } from "@testing-library/svelte";
import { beforeEach, expect, test } from "vitest";
import { go } from "../state/route.svelte";
import type { Changes } from "../test-host";
import { byId, enabledById, openWindow, type TestHost } from "../testing";
import { clearForm } from "./generate/form.svelte";

beforeEach(clearForm);

/** Adds two newer runs of each kind: a usable one, and an even newer one that is not. */
const newer: Changes = {
  runs: (runs) => [
    ...runs,
    ...runs.map((run) => ({ ...run, name: `${run.name}-2`, created_ms: run.created_ms + 1e9 })),
    ...runs.map((run) => ({
      ...run,
      name: `${run.name}-3`,
      created_ms: run.created_ms + 2e9,
      usable: false,
    })),
  ],
  splits: (splits) => [
    ...splits,
    ...splits.map((split) => ({ ...split, name: "newer", created_ms: split.created_ms + 1e9 })),
  ],
  fakes: (sets) => [
    ...sets,
    ...sets.map((set) => ({ ...set, name: "newer", split: "newer", created_ms: set.created_ms + 1e9 })),
  ],
};

const opened = (changes = newer): Promise<TestHost> => openWindow("#/overview", { changes });

const chosen = async (id: string) => ((await byId(id)) as HTMLSelectElement).value;

test("Generate preselects the newest usable runs", async () => {
  await opened();
  go("#/generate");
  await waitFor(async () => {
    expect(await chosen("generator")).toBe("writer-2");
    expect(await chosen("scored-realism")).toBe("judge-2");
    expect(await chosen("scored-upvotes")).toBe("votes-2");
  });
});

test("the draft dialog preselects the newest usable runs", async () => {
  await opened();
  go("#/reddit/threads");
  await fireEvent.click(await byId("draft"));
  await waitFor(async () => {
    expect(await chosen("draft-generator")).toBe("writer-2");
    expect(await chosen("draft-realism")).toBe("judge-2");
    expect(await chosen("draft-upvotes")).toBe("votes-2");
  });
});

test("the fakes dialog preselects the newest usable generator", async () => {
  await opened();
  go("#/models");
  await fireEvent.click(await byId("generate-fakes"));
  await waitFor(async () => expect(await chosen("fakes-generator")).toBe("writer-2"));
});

test("the evaluation dialog preselects the newest usable run of the kind", async () => {
  await opened();
  go("#/evaluate");
  await fireEvent.click(await enabledById("evaluate-new"));
  await waitFor(async () => expect(await chosen("evaluate-run")).toMatch(/-2$/));
  for (const [kind, name] of [
    ["realism", "judge-2"],
    ["generator", "writer-2"],
  ]) {
    await opened();
    go(`#/evaluate?new=${kind}`);
    await waitFor(async () => expect(await chosen("evaluate-run")).toBe(name));
  }
});

test("the training form preselects the newest split and its newest fakes", async () => {
  // no split or set of fakes has the default name
  const older = <T extends { name: string }>(one: T): T =>
    one.name === "newer" ? one : { ...one, name: "older" };
  await opened({
    ...newer,
    splits: (splits, params) => (newer.splits?.(splits, params) ?? []).map(older),
    fakes: (sets, params) =>
      (newer.fakes?.(sets, params) ?? [])
        .map(older)
        .map((set) => (set.name === "older" ? { ...set, split: "older" } : set)),
  });
  go("#/train/new?kind=realism");
  await waitFor(async () => expect(await chosen("field-split")).toBe("newer"));
  await waitFor(async () => expect(await chosen("field-fakes")).toBe("newer"));
});
