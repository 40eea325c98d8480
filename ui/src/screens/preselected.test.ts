// What is chosen before anybody chose: always the newest that can be used.

import { fireEvent, waitFor } from "@testing-library/svelte";
import { beforeEach, expect, test } from "vitest";
import type { FakeHost } from "../host/fake";
import { go } from "../state/route.svelte";
import { byId, openWindow } from "../testing";
import { clearForm } from "./generate/form.svelte";

beforeEach(clearForm);

/** Runs of each kind that are newer than those of the sample: one that can be used, and a newer one that cannot. */
async function opened(): Promise<FakeHost> {
  const host = await openWindow("#/overview");
  const { runs, splits, fakes } = host.engine;
  for (const run of [...runs]) {
    const made = run.created_ms;
    runs.push({ ...run, name: `${run.name}-2`, created_ms: made + 1e9, usable: true });
    runs.push({ ...run, name: `${run.name}-3`, created_ms: made + 2e9, usable: false });
  }
  const [split, set] = [splits[0], fakes[0]];
  if (split) splits.push({ ...split, name: "newer", created_ms: split.created_ms + 1e9 });
  if (set) fakes.push({ ...set, name: "newer", split: "newer", created_ms: set.created_ms + 1e9 });
  host.engine.changed("runs", "splits", "fakes");
  return host;
}

const chosen = async (id: string) => ((await byId(id)) as HTMLSelectElement).value;

test("the newest usable runs write and score candidates", async () => {
  await opened();
  go("#/generate");
  await waitFor(async () => expect(await chosen("generator")).toBe("writer-2"));
  expect(await chosen("scored-realism")).toBe("judge-2");
  expect(await chosen("scored-upvotes")).toBe("votes-2");
});

test("the newest usable runs draft replies to threads", async () => {
  await opened();
  go("#/reddit/threads");
  await fireEvent.click(await byId("draft"));
  await waitFor(async () => expect(await chosen("draft-generator")).toBe("writer-2"));
  expect(await chosen("draft-realism")).toBe("judge-2");
  expect(await chosen("draft-upvotes")).toBe("votes-2");
});

test("the newest usable generator writes fakes", async () => {
  await opened();
  go("#/models");
  await fireEvent.click(await byId("write-fakes"));
  await waitFor(async () => expect(await chosen("fakes-generator")).toBe("writer-2"));
});

test("the newest usable run is evaluated, of the kind that was asked for", async () => {
  await opened();
  go("#/evaluate");
  await fireEvent.click(await byId("measure"));
  await waitFor(async () => expect(await chosen("measure-run")).toMatch(/-2$/));
  for (const [kind, name] of [
    ["realism", "judge-2"],
    ["generator", "writer-2"],
  ]) {
    await opened();
    go(`#/evaluate?new=${kind}`);
    await waitFor(async () => expect(await chosen("measure-run")).toBe(name));
  }
});

test("a training begins with the newest split and the newest fakes of it", async () => {
  const host = await opened();
  // none has the name that a training asks for by itself
  for (const split of host.engine.splits) if (split.name !== "newer") split.name = "older";
  for (const set of host.engine.fakes) if (set.split !== "newer") [set.name, set.split] = ["older", "older"];
  go("#/train/new?kind=realism");
  await waitFor(async () => expect(await chosen("field-split")).toBe("newer"));
  await waitFor(async () => expect(await chosen("field-fakes")).toBe("newer"));
});
