import { expect, test } from "vitest";
import api from "../host/api.ts?raw";
import { READS } from "./families";

const pages = Object.values(
  import.meta.glob<string>(["../**/*.svelte"], { query: "?raw", import: "default", eager: true }),
);

/** Results that depend on no table. */
const FIXED = ["run.fields", "run.defaults", "run.presets"];

test("every query of a screen declares the tables it reads", () => {
  const asked = new Set(
    pages.flatMap((page) => [...page.matchAll(/\bquery\(\s*"([\w.]+)"/g)].map((found) => found[1] ?? "")),
  );
  expect(asked.size).toBeGreaterThan(30);
  expect([...asked].filter((name) => !(name in READS) && !FIXED.includes(name))).toEqual([]);
});

test("the tables match those of the engine's change events; only throttle is unused", () => {
  const announced = /"event": "changed",\s*\/\*\* ([\w, ]+)\. \*\//.exec(api)?.[1]?.split(", ") ?? [];
  expect(announced.length).toBeGreaterThan(10);
  const used = new Set<string>(Object.values(READS).flat());
  expect([...used].filter((family) => !announced.includes(family))).toEqual([]);
  expect(announced.filter((family) => !used.has(family))).toEqual(["throttle"]);
});
