// The whole window on a fake host, for component tests.

import { cleanup, render, screen, waitFor } from "@testing-library/svelte";
import axe from "axe-core";
import App from "./App.svelte";
import { useHost } from "./host";
import { type FakeHost, type FakeOptions, fakeHost } from "./host/fake";
import { comeBack } from "./state/project.svelte";
import { go } from "./state/route.svelte";
import { listenToEngine } from "./state/signals";
import { dismiss, toasts } from "./state/toasts.svelte";

/** Opens the window at an address, as a start or a reload does. */
export async function openWindow(address: string, options: FakeOptions = {}): Promise<FakeHost> {
  cleanup();
  const host = fakeHost({ speed: 200, ...options });
  useHost(host);
  for (const toast of toasts.all) dismiss(toast.id);
  go(address, { replace: true });
  render(App);
  await listenToEngine();
  await comeBack();
  return host;
}

/** What was asked of the engine, by the command's name. */
export const asked = (host: FakeHost, name: string) =>
  host.engine.asked
    .filter((call) => call.name === name)
    .map((call) => call.params as Record<string, unknown>);

export const byId = (id: string) => screen.findByTestId(id);

/** The text of an element, its white space as it is seen. */
export const said = (element: Element | null): string =>
  (element?.textContent ?? "").replace(/\s+/g, " ").trim();

/** Waits until a text is somewhere on the page. */
export async function sees(text: string | RegExp): Promise<void> {
  await waitFor(() => {
    const words = said(document.body);
    const found = typeof text === "string" ? words.includes(text) : text.test(words);
    if (!found) throw new Error(`the page does not say ${text}`);
  });
}

/** Presses a key where the focus is. */
export function press(key: string, more: KeyboardEventInit = {}): void {
  const target = document.activeElement ?? document.body;
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
}

/** What axe finds; colours need a real browser. */
export async function faults(): Promise<string[]> {
  const found = await axe.run(document.body, {
    resultTypes: ["violations"],
    rules: { "color-contrast": { enabled: false }, region: { enabled: false } },
  });
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((node) => node.target.join(" ")).join(", ")}`);
}
