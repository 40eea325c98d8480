import { beforeEach, expect, test, vi } from "vitest";
import { useHost } from "../host";
import { type FakeHost, fakeHost } from "../host/fake";
import { defaults } from "../host/fake/sample";
import { jobs } from "./jobs.svelte";
import { restoreProject } from "./project.svelte";
import { listenToEngine } from "./signals";
import { dismissToast, toasts } from "./toasts.svelte";

let host: FakeHost;
beforeEach(async () => {
  host = fakeHost({ speed: 40 });
  useHost(host);
  for (const toast of toasts.list) dismissToast(toast.id);
  await listenToEngine();
  await restoreProject();
});

const pairs = { recipe: undefined } as never;
const now = (id: string) => jobs.get(id)?.state;

test("a job reports progress and its completion", async () => {
  const id = await jobs.start("pairs", pairs);
  expect(now(id)).toBe("running");
  await vi.waitFor(() => expect(jobs.get(id)?.progress?.done).toBeGreaterThan(0));
  await vi.waitFor(() => expect(now(id)).toBe("done"));
  expect(jobs.get(id)?.outcome).toMatchObject({ kept: 4930 });
  expect(toasts.list.map((toast) => toast.text).join()).toContain("Build pairs is done");
});

test("starting the same id twice starts one job", async () => {
  const before = jobs.list.length;
  await host.call("job.start", { id: "one", kind: "pairs", params: {} });
  await host.call("job.start", { id: "one", kind: "pairs", params: {} });
  await vi.waitFor(() => expect(jobs.list.length).toBe(before + 1));
});

test("pause and resume work across processes", async () => {
  host.engine.options.speed = 2;
  const id = await jobs.start("pairs", pairs);
  // the command line pauses it
  await host.call("job.pause", { job: id });
  await vi.waitFor(() => expect(now(id)).toBe("paused"), 3000);
  expect(jobs.current?.id).toBe(id);
  host.engine.options.speed = 100;
  await jobs.resume(id);
  await vi.waitFor(() => expect(now(id)).toBe("done"), 3000);
});

test("a reload during a job loses nothing", async () => {
  host.engine.options.speed = 1;
  const id = await jobs.start("pairs", pairs);
  await vi.waitFor(() => expect(jobs.get(id)?.progress).not.toBeNull());
  // as after a reload of the web view
  jobs.clear();
  expect(jobs.list).toHaveLength(0);
  await restoreProject();
  expect(now(id)).toBe("running");
  expect(jobs.get(id)?.progress?.phase).toContain("joining");
});

test("a snapshot does not overwrite a newer signal", async () => {
  host.engine.options.speed = 0.001;
  const id = await jobs.start("train", {
    config: { ...defaults("generator"), name: "late" },
  });
  host.engine.options.delay = 50;
  const snapshot = jobs.read();
  const progress = { phase: "training late", done: 999, total: 1480, unit: "steps", note: "", eta_s: 1 };
  host.engine.send({ event: "job", job: id, signal: { event: "progress", ...progress } });
  await snapshot;
  expect(jobs.get(id)?.progress?.done).toBe(999);
});

test("drafts and then scores of a generation arrive one by one", async () => {
  const job = (signal: object) => host.engine.send({ event: "job", job: "w", signal } as never);
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
  const id = await jobs.start("import", { files: ["/data/broken.zst"] });
  await vi.waitFor(() => expect(now(id)).toBe("failed"), 5000);
  expect(toasts.list.at(-1)).toMatchObject({ tone: "bad" });
  expect(toasts.list.at(-1)?.text).toContain("not JSON");
  await vi.waitFor(() => expect(host.notified[0]).toContain("Job failed"));
});

const training = (name: string) => ({ config: { ...defaults("generator"), name } });

test("a second training run is queued, can be reordered or removed, and starts after the first", async () => {
  host.engine.options.speed = 0.001;
  const first = await jobs.start("train", training("first"));
  const second = await jobs.start("train", training("second"));
  const third = await jobs.start("fakes", { name: "third", generator: "second" });
  const fourth = await jobs.start("evaluate", { run: "second" });
  expect([first, second, third, fourth].map(now)).toEqual(["running", "queued", "queued", "queued"]);
  expect(toasts.list.map((toast) => toast.text).join()).toContain("Train second is queued");
  await jobs.move(fourth, "first");
  await jobs.move(third, { before: fourth });
  expect(jobs.queue.map((job) => job.id)).toEqual([third, fourth, second]);
  await jobs.cancel(third);
  await jobs.cancel(fourth);
  await vi.waitFor(() => expect(jobs.queue.map((job) => job.id)).toEqual([second]));
  await jobs.stop(first);
  await vi.waitFor(() => expect(now(second)).toBe("running"), 3000);
  expect(now(first)).toBe("done");
  await vi.waitFor(() =>
    expect(toasts.list.map((toast) => toast.text).join()).toContain("Its checkpoint is kept"),
  );
});

test("a paused job blocks the queue until it is resumed", async () => {
  host.engine.options.speed = 0.001;
  const first = await jobs.start("train", training("first"));
  const second = await jobs.start("train", training("second"));
  await jobs.start("train", training("third"));
  await jobs.stop(first);
  await vi.waitFor(() => expect(now(second)).toBe("running"), 3000);
  await jobs.pause(second);
  await vi.waitFor(() => expect(jobs.blockedBy?.id).toBe(second), 3000);
  await jobs.resumeQueue();
  await vi.waitFor(() => expect(now(second)).toBe("running"), 3000);
  expect(jobs.blockedBy).toBeNull();
});
