import { fireEvent, screen, waitFor } from "@testing-library/svelte";
import { afterEach, describe, expect, test, vi } from "vitest";
import { newId } from "../state/id";
import { go } from "../state/route.svelte";
import { SHORTCUTS } from "../state/shortcuts";
import { showToast } from "../state/toasts.svelte";
import type { TestOptions } from "../test-host";
import {
  axeViolations,
  byId,
  callsTo,
  openWindow,
  press,
  type TestHost,
  textOf,
  training,
  waitForText,
} from "../testing";

/** Starts a training that runs until it is stopped. */
async function train(host: TestHost, name = "late"): Promise<string> {
  const id = newId();
  await host.call("job.start", { id, kind: "train", params: await training(host, name) });
  return id;
}

test("g and a letter go to every screen", async () => {
  await openWindow("#/overview");
  await byId("screen-overview");
  for (const [key, name] of [
    ["q", "queue"],
    ["d", "data"],
    ["m", "models"],
    ["t", "train"],
    ["e", "evaluate"],
    ["w", "generate"],
    ["s", "settings"],
    ["o", "overview"],
  ]) {
    press("g");
    press(key as string);
    await byId(`screen-${name}`);
    await waitFor(() =>
      expect(document.querySelector(`[data-testid=nav-${name}]`)?.getAttribute("aria-current")).toBe("page"),
    );
  }
});

test("? shows the shortcuts; closing restores the focus", async () => {
  await openWindow("#/queue");
  await byId("board");
  const before = document.activeElement;
  press("?");
  const sheet = await byId("help");
  for (const { says } of Object.values(SHORTCUTS)) expect(sheet.textContent).toContain(says);
  await fireEvent.click(screen.getByRole("button", { name: "Close" }));
  await waitFor(() => {
    expect(screen.queryByTestId("help")).toBeNull();
    expect(document.activeElement).toBe(before);
  });
});

test("the jobs bar shows progress, pause, stop and log", async () => {
  const host = await openWindow("#/data/pairs");
  await waitForText("Idle.");
  await train(host);
  await waitFor(async () => expect((await byId("jobs-words")).textContent).toContain("training late"));
  expect((await byId("jobs-spoken")).textContent).toContain("Train late");
  await fireEvent.click(screen.getByRole("button", { name: "Pause Train late" }));
  await waitFor(async () => expect((await byId("jobs-bar")).dataset.state).toBe("paused"));
  await fireEvent.click(await byId("jobs-toggle"));
  expect((await byId("jobs-panel")).textContent).toContain("paused at training");
  await fireEvent.click(screen.getByRole("button", { name: "Stop Train late" }));
  await waitFor(async () => expect((await byId("jobs-bar")).dataset.state).toBe("idle"));
});

test("a job of another process is shown", async () => {
  const host = await openWindow("#/overview");
  await byId("pipeline");
  await host.other("job.start", { id: newId(), kind: "train", params: await training(host, "late") });
  await waitFor(async () =>
    expect((await byId("jobs-bar")).textContent).toMatch(/training late · [\d,]+ of 1,000,000 steps/),
  );
});

test("theme and text size apply at once; an error keeps the input", async () => {
  const host = await openWindow("#/settings");
  await fireEvent.click(await screen.findByRole("radio", { name: "Dark" }));
  await waitFor(() => expect(document.documentElement.dataset.theme).toBe("dark"));
  await fireEvent.change(await byId("text-size"), { target: { value: "200" } });
  await waitFor(() => expect(document.documentElement.style.fontSize).toBe("200%"));
  host.failing["app.settings"] = { code: "io", message: "cannot write the settings: the disk is full" };
  const threads = (await byId("threads")) as HTMLInputElement;
  await fireEvent.input(threads, { target: { value: "900" } });
  await fireEvent.change(threads);
  await waitForText("the disk is full");
  expect(threads.value).toBe("900");
  expect(callsTo(host, "app.settings").at(-1)).toMatchObject({ theme: "dark", text: 200, threads: 900 });
  host.failing = {};
  press("0", { ctrlKey: true });
  await waitFor(() => expect(document.documentElement.style.fontSize).toBe("100%"));
});

test("a step of the text size begins where the previous one ends", async () => {
  const host = await openWindow("#/overview");
  await byId("pipeline");
  press("=", { ctrlKey: true });
  press("=", { ctrlKey: true });
  await waitFor(() => expect(document.documentElement.style.fontSize).toBe("125%"));
  expect(callsTo(host, "app.settings").map(({ text }) => text)).toEqual([110, 125]);
});

test("settings changed in another window apply here", async () => {
  const host = await openWindow("#/overview");
  await byId("pipeline");
  const { settings } = await host.ask("app.get", {});
  host.send({ event: "settings", settings: { ...settings, theme: "light" } });
  expect(document.documentElement.dataset.theme).toBe("light");
});

test("check and compact report their result", async () => {
  await openWindow("#/settings");
  await fireEvent.click(await byId("check"));
  await waitForText("No damage found");
  await fireEvent.click(await byId("compact"));
  await byId("compacted");
});

test("closing the project shows the start screen", async () => {
  await openWindow("#/overview");
  await byId("pipeline");
  await fireEvent.click(screen.getByRole("menuitem", { hidden: true, name: /Close project/ }));
  await byId("screen-start");
});

test("a job that serves has no progress bar, but a time", async () => {
  const host = await openWindow("#/overview");
  await byId("pipeline");
  await host.call("job.start", { id: newId(), kind: "sandbox", params: {} });
  await waitFor(async () => expect(textOf(await byId("jobs-words"))).toMatch(/since \d\d:\d\d/));
  const bar = await byId("jobs-bar");
  expect(bar.querySelector("[role=progressbar]")).toBeNull();
  await fireEvent.click(await byId("jobs-toggle"));
  expect((await byId("jobs-panel")).querySelector("[role=progressbar]")).toBeNull();
  // another job has one
  const id = await train(host);
  await waitFor(() => expect(bar.querySelector("[role=progressbar]")).not.toBeNull());
  await host.call("job.cancel", { job: id });
});

describe("toasts", () => {
  test("disappear with their screen; those of background jobs stay", async () => {
    const host = await openWindow("#/overview");
    await byId("pipeline");
    showToast("of this screen", { tone: "bad" });
    const file = host.write("broken.zst", "no archive");
    await host.call("job.start", { id: newId(), kind: "import", params: { files: [file] } });
    await waitForText("Import broken.zst failed");
    const toasts = await byId("toasts");
    await waitFor(() => expect(textOf(toasts)).toContain("of this screen"));
    go("#/settings");
    await byId("screen-settings");
    await waitFor(() => expect(textOf(toasts)).not.toContain("of this screen"));
    expect(textOf(toasts)).toContain("Import broken.zst failed");
  });

  test("stay on another address of their screen", async () => {
    await openWindow("#/queue/1");
    await byId("open-reply");
    // one that stays until it is dismissed
    showToast("of this screen", { tone: "bad" });
    go("#/queue/2");
    await waitFor(async () => expect((await byId("open-reply")).dataset.id).toBe("2"));
    expect(textOf(await byId("toasts"))).toContain("of this screen");
  });

  test("run their action once and are dismissed", async () => {
    await openWindow("#/overview");
    await byId("pipeline");
    const run = vi.fn();
    showToast("Something was done.", { action: { text: "Undo", run } });
    await fireEvent.click(await byId("toast-action"));
    expect(run).toHaveBeenCalledOnce();
    await waitFor(() => expect(screen.queryByTestId("toast-action")).toBeNull());
    expect(document.activeElement?.tagName).toBe("H1");
  });
});

describe("the scroll position", () => {
  const scrolled = (to: number) => {
    const main = document.getElementById("main") as HTMLElement;
    main.scrollTop = to;
    main.dispatchEvent(new Event("scroll"));
    return main;
  };

  test("is restored on Back, and another screen starts at its top", async () => {
    await openWindow("#/models");
    await waitForText("Model lineage");
    const main = scrolled(320);
    go("#/train");
    await waitForText("Best validation loss");
    expect(main.scrollTop).toBe(0);
    scrolled(80);
    history.back();
    await byId("screen-models");
    await waitFor(() => expect(main.scrollTop).toBe(320));
    history.forward();
    await byId("screen-train");
    await waitFor(() => expect(main.scrollTop).toBe(80));
    // a new visit is not Back
    go("#/models");
    await byId("screen-models");
    expect(main.scrollTop).toBe(0);
  });

  test("of a list is restored on Back", async () => {
    await openWindow("#/data/pairs");
    const table = await byId("pairs");
    table.scrollTop = 700;
    table.dispatchEvent(new Event("scroll"));
    go("#/settings");
    await byId("screen-settings");
    history.back();
    await waitFor(async () => expect((await byId("pairs")).scrollTop).toBe(700));
  });
});

describe("closing the window", () => {
  const start = async () => {
    const host = await openWindow("#/overview");
    await byId("pipeline");
    const id = await train(host);
    await waitFor(async () => expect((await byId("jobs-words")).textContent).toContain("training late"));
    return Object.assign(host, { id });
  };

  test("needs no confirmation when idle", async () => {
    const host = await openWindow("#/overview");
    await byId("pipeline");
    await host.close();
    expect(host.closed).toBe(true);
  });

  test("needs no confirmation when another window shows the project", async () => {
    const host = await start();
    host.changes["project.windows"] = () => 2;
    await host.close();
    expect(host.closed).toBe(true);
    expect(screen.queryByTestId("closing")).toBeNull();
  });

  test("during training asks first and can be canceled", async () => {
    const host = await start();
    await host.close();
    expect(host.closed).toBe(false);
    expect(textOf(await byId("closing"))).toContain("Train late training late");
    await waitForText("Training in progress");
    expect(await axeViolations()).toEqual([]);
    await fireEvent.click(screen.getByRole("button", { name: "Cancel" }));
    await waitFor(() => expect(screen.queryByTestId("closing")).toBeNull());
    expect(host.closed).toBe(false);
  });

  test("can keep the job running", async () => {
    const host = await start();
    await host.close();
    await fireEvent.click(await byId("keep-running-and-close"));
    await waitFor(() => expect(host.closed).toBe(true));
    expect(callsTo(host, "job.pause")).toEqual([]);
  });

  test("can pause the job; if that fails the window stays open with the error", async () => {
    const host = await start();
    host.failing["job.pause"] = { code: "busy", message: "another process writes" };
    await host.close();
    await fireEvent.click(await byId("pause-and-close"));
    await waitForText("another process writes");
    expect(host.closed).toBe(false);
    host.failing = {};
    await fireEvent.click(await byId("pause-and-close"));
    await waitFor(() => expect(host.closed).toBe(true));
    expect(callsTo(host, "job.pause").at(-1)).toEqual({ job: host.id });
  });

  test("does not pause a job that finished in the meantime", async () => {
    const host = await start();
    await host.close();
    await byId("closing");
    await host.call("job.cancel", { job: host.id });
    await waitForText("No jobs running");
    expect(screen.queryByTestId("pause-and-close")).toBeNull();
    await fireEvent.click(await byId("keep-running-and-close"));
    await waitFor(() => expect(host.closed).toBe(true));
  });
});

describe("a desktop notification is sent", () => {
  const run = async (options: TestOptions, age_ms = 1_000) => {
    const host = await openWindow("#/overview", options);
    await byId("pipeline");
    // it took that long, however fast the machine is
    host.changes["job.get"] = (job) => ({ ...job, created_ms: (job.ended_ms ?? Date.now()) - age_ms });
    await host.call("job.start", { id: newId(), kind: "pairs", params: {} });
    await waitForText(/Build pairs is done|Build pairs failed/);
    return host;
  };
  afterEach(() => vi.restoreAllMocks());
  const hidden = (is: boolean) => vi.spyOn(document, "hidden", "get").mockReturnValue(is);

  test("when the window is hidden", async () => {
    hidden(true);
    const host = await run({});
    await waitFor(() => expect(host.notified).toHaveLength(1));
    expect(host.notified[0]).toContain("Job finished: Build pairs is done");
  });

  test("for a long job, even if the window is visible", async () => {
    hidden(false);
    const host = await run({}, 11_000);
    await waitFor(() => expect(host.notified).toHaveLength(1));
  });

  test("not for a short job in a visible window", async () => {
    hidden(false);
    expect((await run({})).notified).toEqual([]);
  });

  test("not when notifications are off", async () => {
    hidden(true);
    expect((await run({ settings: { notify: false } }, 11_000)).notified).toEqual([]);
  });

  test("with name and reason when a job fails", async () => {
    hidden(true);
    const host = await openWindow("#/overview");
    await byId("pipeline");
    const file = host.write("broken.zst", "no archive");
    await host.call("job.start", { id: newId(), kind: "import", params: { files: [file] } });
    await waitFor(() => expect(host.notified).toHaveLength(1));
    expect(host.notified[0]).toMatch(/^Job failed: Import broken.zst failed: .*broken\.zst/);
  });
});
