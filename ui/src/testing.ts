// The whole window on the real engine, for component tests.

import { cleanup, getConfig, render, screen, waitFor } from "@testing-library/svelte";
import axe from "axe-core";
import { expect } from "vitest";
import App from "./App.svelte";
import { type ModelKind, type PairRow, type RunConfig, useHost, type ViewPairs } from "./host";
import { restoreProject } from "./state/project.svelte";
import { go } from "./state/route.svelte";
import { listenToEngine } from "./state/signals";
import { dismissToast, toasts } from "./state/toasts.svelte";
import { type StubHost, type TestHost, type TestOptions, testHost } from "./test-host";

export type { TestHost } from "./test-host";

/** Opens the window at an address, as on startup or after a reload. */
export async function openWindow(address: string, options: TestOptions = {}): Promise<TestHost> {
  cleanup();
  const host = await testHost(options);
  useHost(host);
  for (const toast of toasts.list) dismissToast(toast.id);
  go(address, { replace: true });
  await listenToEngine();
  // before it is rendered: until then, the state is that of the previous window
  await restoreProject();
  render(App);
  return host;
}

/** The parameters of each call to an engine command, in order. */
export const callsTo = (host: StubHost, name: string) =>
  host.asked.filter((call) => call.name === name).map((call) => call.params as Record<string, unknown>);

/** Parameters of a training that runs until it is stopped, unless `changes` sets its steps. */
export async function training(
  host: TestHost,
  name: string,
  changes: Partial<RunConfig> = {},
  kind: ModelKind = "generator",
): Promise<{ config: RunConfig }> {
  const defaults = await host.ask("run.defaults", { kind });
  const small = { name, split: "main", steps: 1_000_000, batch_size: 2, max_tokens: 32, validate_limit: 8 };
  return { config: { ...defaults, ...small, ...changes } };
}

/** All pairs in the order of the table; `changes` selects some. */
export async function pairRows(
  host: TestHost,
  changes: Partial<ViewPairs> = {},
  count = 200,
): Promise<PairRow[]> {
  const all: ViewPairs = {
    subreddits: [],
    words: null,
    min_score: null,
    max_score: null,
    split: null,
    partition: null,
    source: null,
    excluded: null,
    order: "id",
    descending: false,
  };
  const { view } = await host.ask("pairs.view", { ...all, ...changes });
  return host.ask("pairs.rows", { view, from: 0, count });
}

export const byId = (id: string) => screen.findByTestId(id);

/** A button, once it can be pressed. */
export async function enabledById(id: string): Promise<HTMLElement> {
  await waitFor(() => expect(screen.getByTestId(id).hasAttribute("disabled")).toBe(false));
  return screen.getByTestId(id);
}

/**
 * Waits until every call of the window is answered and the page shows the answers: what is missing then is not on its
 * way.
 */
export async function allAnswered(host: StubHost): Promise<void> {
  do {
    await waitFor(() => expect(host.unanswered).toBe(0));
    await pause(0);
  } while (host.unanswered > 0);
}

export const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** The text of an element with white space collapsed. */
export const textOf = (element: Element | null): string =>
  (element?.textContent ?? "").replace(/\s+/g, " ").trim();

/** Waits until the page contains a text. */
export async function waitForText(
  text: string | RegExp,
  timeout = getConfig().asyncUtilTimeout,
): Promise<void> {
  await waitFor(
    () => {
      const page = textOf(document.body);
      const found = typeof text === "string" ? page.includes(text) : text.test(page);
      if (!found) throw new Error(`not on the page: ${text}; page text: ${page.slice(0, 600)}`);
    },
    { timeout },
  );
}

/** Presses a key on the focused element. */
export function press(key: string, more: KeyboardEventInit = {}): void {
  const target = document.activeElement ?? document.body;
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
}

/** Color contrast is not checked: that takes a real browser. */
export async function axeViolations(): Promise<string[]> {
  const found = await axe.run(document.body, {
    resultTypes: ["violations"],
    rules: { "color-contrast": { enabled: false }, region: { enabled: false } },
  });
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((node) => node.target.join(" ")).join(", ")}`);
}
