import { flushSync } from "svelte";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Family, type JobInfo, useHost } from "../host";
import { type StubHost, stubHost } from "../test-host";
import { jobs } from "./jobs.svelte";
import { clearQueries, query } from "./query.svelte";
import { listenToEngine } from "./signals";

/** Answers by command; tests change them. The results are not looked into. */
let answers: Record<string, unknown>;
let host: StubHost;
beforeEach(async () => {
  answers = { splits: ["main"], bases: ["gpt2", "bert"], runs: ["writer"], fakes: ["fakes"] };
  host = stubHost(answers);
  useHost(host);
  clearQueries();
  await listenToEngine();
});
afterEach(() => {
  vi.useRealTimers();
  jobs.clear();
});

const times = (name: string) => host.asked.filter((call) => call.name === name).length;
const soon = (check: () => void) => vi.waitFor(check, { timeout: 60_000 });
const wait = (ms: number) => new Promise((done) => setTimeout(done, ms));

function fakeTime(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
}
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const changed = (...families: Family[]) => host.send({ event: "changed", families });

/**
 * Runs `make` in an effect root, as in a component; returns its result and a function that destroys the root.
 */
function within<T>(make: () => T): [T, () => void] {
  let made: T | undefined;
  const end = $effect.root(() => {
    made = make();
  });
  flushSync();
  return [made as T, end];
}

test("a query is fetched again when its tables change", async () => {
  const [splits, end] = within(() => query("splits", () => ({})));
  expect(splits.loading).toBe(true);
  await soon(() => expect(splits.data).toHaveLength(1));
  answers.splits = [];
  host.changed("runs");
  await wait(400);
  expect(times("splits")).toBe(1);
  host.changed("splits");
  await soon(() => expect(splits.data).toHaveLength(0));
  expect(times("splits")).toBe(2);
  end();
});

test("the previous result stays while a new one is fetched", async () => {
  const [splits, end] = within(() => query("splits", () => ({})));
  await soon(() => expect(splits.data).toHaveLength(1));
  host.delay = 100;
  splits.again();
  expect(splits.loading).toBe(true);
  expect(splits.data).toHaveLength(1);
  await soon(() => expect(splits.loading).toBe(false));
  end();
});

test("many changes cause few calls", async () => {
  fakeTime();
  const [runs, end] = within(() => query("runs", () => ({})));
  await pass(0);
  expect(runs.data).toBeDefined();
  for (let i = 0; i < 40; i += 1) {
    changed("runs");
    await pass(10);
  }
  await pass(400);
  expect(times("runs")).toBeGreaterThan(1);
  expect(times("runs")).toBeLessThanOrEqual(4);
  end();
});

test("equal queries share one call", async () => {
  const [both, end] = within(() => [query("bases", () => ({})), query("bases", () => ({}))] as const);
  await soon(() => expect(both[1].data).toHaveLength(2));
  expect(both[0].data).toBe(both[1].data);
  expect(times("bases")).toBe(1);
  end();
});

test("an unused query is not fetched until it is used again", async () => {
  const [first, end] = within(() => query("fakes", () => ({})));
  await soon(() => expect(first.data).toBeDefined());
  end();
  host.changed("fakes");
  await wait(400);
  expect(times("fakes")).toBe(1);
  const [second, end2] = within(() => query("fakes", () => ({})));
  expect(second.data).toHaveLength(1); // cached
  await soon(() => expect(times("fakes")).toBe(2));
  end2();
});

test("new parameters clear the result, except with keep", async () => {
  let id = $state(1);
  answers["evaluation.get"] = { run: "writer" };
  const [[plain, kept], end] = within(
    () =>
      [
        query("evaluation.get", () => ({ id })),
        query("evaluation.get", () => ({ id }), { keep: true }),
      ] as const,
  );
  await soon(() => expect(plain.data?.run).toBe("writer"));
  answers["evaluation.get"] = { run: "judge" };
  id = 2;
  flushSync();
  expect(plain.data).toBeUndefined();
  expect(kept.data?.run).toBe("writer");
  await soon(() => expect(kept.data?.run).toBe("judge"));
  end();
});

test("null parameters make no call", async () => {
  const [none, end] = within(() => query("evaluation.get", () => null));
  await wait(20);
  expect(none.loading).toBe(false);
  expect(times("evaluation.get")).toBe(0);
  end();
});

test("an error keeps the previous result and clears on success", async () => {
  const [splits, end] = within(() => query("splits", () => ({})));
  await soon(() => expect(splits.data).toBeDefined());
  host.failing = { splits: { code: "busy", message: "another process holds the file" } };
  splits.again();
  await soon(() => expect(splits.error?.code).toBe("busy"));
  expect(splits.data).toHaveLength(1);
  host.failing = {};
  splits.again();
  await soon(() => expect(splits.error).toBeNull());
  end();
});

const running: JobInfo = {
  id: "j",
  kind: "import",
  state: "running",
  want: null,
  params: {},
  progress: null,
  outcome: null,
  created_ms: 0,
  ended_ms: null,
  place: null,
  stops_queue: false,
};

test("while a job runs, a query waits ten times its response time", async () => {
  fakeTime();
  host.delay = 100;
  const [bases, end] = within(() => query("bases", () => ({})));
  await pass(100);
  expect(bases.data).toHaveLength(2);
  // no job: 250 ms after the previous call
  changed("bases");
  await pass(149);
  expect(times("bases")).toBe(1);
  await pass(1);
  expect(times("bases")).toBe(2);
  await pass(100);
  // a job: 1 s after a response that took 100 ms
  jobs.list = [running];
  changed("bases");
  await pass(999);
  expect(times("bases")).toBe(2);
  await pass(1);
  expect(times("bases")).toBe(3);
  end();
});

test("a query waits five seconds at most", async () => {
  fakeTime();
  host.delay = 2000;
  jobs.list = [running];
  const [bases, end] = within(() => query("bases", () => ({})));
  await pass(2000);
  expect(bases.data).toHaveLength(2);
  changed("bases");
  await pass(4999);
  expect(times("bases")).toBe(1);
  await pass(1);
  expect(times("bases")).toBe(2);
  end();
});

test("when a job ends, waiting queries are fetched at once and no others", async () => {
  fakeTime();
  host.delay = 1000;
  jobs.list = [running];
  const [both, end] = within(() => [query("bases", () => ({})), query("splits", () => ({}))] as const);
  await pass(1000);
  expect(both[1].data).toHaveLength(1);
  changed("bases");
  await pass(500);
  expect(times("bases")).toBe(1);
  host.send({ event: "ended", job: "j", kind: "import", state: "done", error: null });
  expect([times("bases"), times("splits")]).toEqual([2, 1]);
  // not a second time when the wait would have ended
  await pass(20_000);
  expect([times("bases"), times("splits")]).toEqual([2, 1]);
  end();
});
