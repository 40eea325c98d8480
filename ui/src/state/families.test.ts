import { expect, test } from "vitest";
import api from "../host/api.ts?raw";
import { READS } from "./families";

const pages = Object.values(
  import.meta.glob<string>(["../**/*.svelte"], { query: "?raw", import: "default", eager: true }),
);

/** Answers that no table has a part in. */
const FIXED = ["run.fields", "run.defaults", "run.presets", "run.read"];

test("every question that a screen keeps open says which tables its answer is made of", () => {
  const asked = new Set(
    pages.flatMap((page) => [...page.matchAll(/\bquery\(\s*"([\w.]+)"/g)].map((found) => found[1] ?? "")),
  );
  expect(asked.size).toBeGreaterThan(30);
  expect([...asked].filter((name) => !(name in READS) && !FIXED.includes(name))).toEqual([]);
});

test("the tables are those that the engine tells of, and each but the throttle's is listened to", () => {
  const told = /"event": "changed",\s*\/\*\* ([\w, ]+)\. \*\//.exec(api)?.[1]?.split(", ") ?? [];
  expect(told.length).toBeGreaterThan(10);
  const heard = new Set<string>(Object.values(READS).flat());
  expect([...heard].filter((family) => !told.includes(family))).toEqual([]);
  expect(told.filter((family) => !heard.has(family))).toEqual(["throttle"]);
});
