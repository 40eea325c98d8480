import { beforeEach, expect, test, vi } from "vitest";
import { useHost } from "../host";
import { stubHost, type TestHost, testHost } from "../test-host";
import { training } from "../testing";
import { newId } from "./id";
import { jobs } from "./jobs.svelte";
import { restoreProject } from "./project.svelte";
import { listenToEngine, onAppEvent, stopListening } from "./signals";
import { dismissToast, toasts } from "./toasts.svelte";

let host: TestHost;
beforeEach(async () => {
  host = await testHost();
  useHost(host);
  for (const toast of toasts.list) dismissToast(toast.id);
  await listenToEngine();
  await restoreProject();
});

const now = (id: string) => jobs.get(id)?.state;
const soon = (check: () => void) => vi.waitFor(check, { timeout: 60_000 });
const becomes = (id: string, state: string) => soon(() => expect(now(id)).toBe(state));
const toastTexts = () => toasts.list.map((toast) => toast.text).join();

test("a job reports progress and its completion", async () => {
  // on a fast machine, progress is replaced by the result before a test can look
  const steps: number[] = [];
  const stop = onAppEvent(() => steps.push(...jobs.running.map((job) => job.progress?.done ?? 0)));
  const id = await jobs.start("train", await training(host, "short", { steps: 20 }));
  expect(now(id)).toMatch(/waiting|running/);
  await becomes(id, "done");
  stop();
  expect(Math.max(...steps)).toBeGreaterThan(0);
  expect(jobs.get(id)?.outcome).toMatchObject({ run: "short", steps: 20 });
  await soon(() => expect(toastTexts()).toContain("Train short is done"));
});

test("starting the same id twice starts one job", async () => {
  const before = jobs.list.length;
  const start = { id: newId(), kind: "pairs", params: {} };
  await host.call("job.start", start);
  await host.call("job.start", start);
  await soon(() => expect(jobs.list.length).toBe(before + 1));
  await jobs.read();
  expect(jobs.list.length).toBe(before + 1);
});

test("pause and resume work across processes", async () => {
  const id = await jobs.start("train", await training(host, "long"));
  await soon(() => expect(jobs.get(id)?.progress?.phase).toContain("training"));
  await host.other("job.pause", { job: id });
  await becomes(id, "paused");
  expect(jobs.current?.id).toBe(id);
  await jobs.resume(id);
  await becomes(id, "running");
});

test("a reload during a job loses nothing", async () => {
  const id = await jobs.start("train", await training(host, "long"));
  await soon(() => expect(jobs.get(id)?.progress?.phase).toContain("training"));
  // as after a reload of the web view
  jobs.clear();
  expect(jobs.list).toHaveLength(0);
  await restoreProject();
  expect(now(id)).toBe("running");
  await soon(() => expect(jobs.get(id)?.progress?.phase).toContain("training"));
});

test("a snapshot does not overwrite a newer signal", async () => {
  const step = (done: number) => ({
    phase: "training",
    done,
    total: 1480,
    unit: "steps",
    note: "",
    eta_s: 1,
  });
  const [last] = await host.ask("jobs", {});
  // a job whose signals arrive in a known order
  const stub = stubHost({ jobs: [{ ...last, id: "j", state: "running", progress: step(5) }] });
  await stopListening();
  useHost(stub);
  await listenToEngine();
  await jobs.read();
  stub.delay = 50;
  const snapshot = jobs.read();
  stub.send({ event: "job", job: "j", signal: { event: "progress", ...step(999) } });
  await snapshot;
  expect(jobs.get("j")?.progress?.done).toBe(999);
});

test("a snapshot that was requested before a job started does not hide it", async () => {
  const [last] = await host.ask("jobs", {});
  const stub = stubHost({ jobs: [], "job.start": { ...last, id: "new", state: "running" } });
  await stopListening();
  useHost(stub);
  await listenToEngine();
  stub.delay = 50;
  const snapshot = jobs.read();
  stub.delay = 0;
  await jobs.start("pairs", {});
  await snapshot;
  expect(now("new")).toBe("running");
});

test("drafts and then scores of a generation arrive one by one", async () => {
  const job = (signal: object) => host.send({ event: "job", job: "w", signal } as never);
  job({ event: "comments", texts: ["Any ideas?"] });
  job({ event: "drafts", drafts: [{ comment: 0, n: 1, text: "Just", finish_reason: null }] });
  job({
    event: "drafts",
    drafts: [
      { comment: 0, n: 1, text: "Just rest it.", finish_reason: "end" },
      { comment: 0, n: 0, text: "No", finish_reason: null },
    ],
  });
  job({ event: "scores", scores: [{ comment: 0, n: 1, p_real: 0.8, bins: null }] });
  job({ event: "scores", scores: [{ comment: 0, n: 1, p_real: null, bins: [0, 0, 0, 1] }] });
  expect(jobs.comments.w).toEqual(["Any ideas?"]);
  expect(jobs.drafts.w?.[0]?.map((draft) => draft.text)).toEqual(["No", "Just rest it."]);
  expect(jobs.drafts.w?.[0]?.[1]).toMatchObject({ finish_reason: "end", p_real: 0.8, bins: [0, 0, 0, 1] });
});

test("a failed job shows its error until dismissed, and notifies the desktop when hidden", async () => {
  vi.spyOn(document, "hidden", "get").mockReturnValue(true);
  const file = host.write("broken.zst", "no archive");
  const id = await jobs.start("import", { files: [file] });
  await becomes(id, "failed");
  await soon(() => expect(toasts.list.at(-1)).toMatchObject({ tone: "bad" }));
  expect(toasts.list.at(-1)?.text).toContain("Import broken.zst failed");
  await soon(() => expect(host.notified[0]).toContain("Job failed"));
});

test("a second training run is queued, can be reordered or removed, and starts after the first", async () => {
  const first = await jobs.start("train", await training(host, "first"));
  await soon(() => expect(jobs.get(first)?.progress?.phase).toBe("training first"));
  const second = await jobs.start("train", await training(host, "second"));
  expect(toastTexts()).toContain("Train second is queued");
  const third = await jobs.start("fakes", { name: "third", generator: "writer" });
  const fourth = await jobs.start("evaluate", { run: "judge" });
  expect(now(first)).toMatch(/waiting|running/);
  expect([second, third, fourth].map(now)).toEqual(["queued", "queued", "queued"]);
  await jobs.move(fourth, "first");
  await jobs.move(third, { before: fourth });
  expect(jobs.queue.map((job) => job.id)).toEqual([third, fourth, second]);
  await jobs.cancel(third);
  await jobs.cancel(fourth);
  await soon(() => expect(jobs.queue.map((job) => job.id)).toEqual([second]));
  await jobs.stop(first);
  await becomes(second, "running");
  await becomes(first, "done");
  await soon(() => expect(toastTexts()).toContain("Its checkpoint is kept"));
});

test("a paused job blocks the queue until it is resumed", async () => {
  const first = await jobs.start("train", await training(host, "first"));
  await soon(() => expect(jobs.get(first)?.progress?.phase).toBe("training first"));
  const second = await jobs.start("train", await training(host, "second"));
  await jobs.start("train", await training(host, "third"));
  await jobs.stop(first);
  await becomes(second, "running");
  await soon(() => expect(jobs.get(second)?.progress?.phase).toBe("training second"));
  await jobs.pause(second);
  await soon(() => expect(jobs.blockedBy?.id).toBe(second));
  await jobs.resumeQueue();
  await becomes(second, "running");
  expect(jobs.blockedBy).toBeNull();
});
