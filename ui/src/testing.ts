// The whole window on a fake host, for component tests.

import { cleanup, render, screen, waitFor } from "@testing-library/svelte";
import axe from "axe-core";
import App from "./App.svelte";
import { useHost } from "./host";
import { type FakeHost, type FakeOptions, fakeHost } from "./host/fake";
import { restoreProject } from "./state/project.svelte";
import { go } from "./state/route.svelte";
import { listenToEngine } from "./state/signals";
import { dismissToast, toasts } from "./state/toasts.svelte";

/** Opens the window at an address, as on startup or after a reload. */
export async function openWindow(address: string, options: FakeOptions = {}): Promise<FakeHost> {
  cleanup();
  const host = fakeHost({ speed: 200, ...options });
  useHost(host);
  for (const toast of toasts.list) dismissToast(toast.id);
  go(address, { replace: true });
  render(App);
  await listenToEngine();
  await restoreProject();
  return host;
}

/** The parameters of each call to an engine command, in order. */
export const callsTo = (host: FakeHost, name: string) =>
  host.engine.asked
    .filter((call) => call.name === name)
    .map((call) => call.params as Record<string, unknown>);

export const byId = (id: string) => screen.findByTestId(id);

/** The text of an element with white space collapsed. */
export const textOf = (element: Element | null): string =>
  (element?.textContent ?? "").replace(/\s+/g, " ").trim();

/** Waits until the page contains a text. */
export async function waitForText(text: string | RegExp): Promise<void> {
  await waitFor(() => {
    const page = textOf(document.body);
    const found = typeof text === "string" ? page.includes(text) : text.test(page);
    if (!found) throw new Error(`not on the page: ${text}`);
  });
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
