// Stubs for what jsdom lacks and the window uses: dialogs, popovers, sizes.

import { configure } from "@testing-library/svelte";
import { afterAll, afterEach, vi } from "vitest";
import { endEngine } from "../tests/engine";
import { stopListening } from "./state/signals";

HTMLDialogElement.prototype.showModal = function () {
  this.open = true;
};
HTMLDialogElement.prototype.close = function () {
  if (!this.open) return;
  this.open = false;
  this.dispatchEvent(new Event("close"));
};
HTMLElement.prototype.showPopover = function () {
  this.dispatchEvent(Object.assign(new Event("toggle"), { newState: "open" }));
};
HTMLElement.prototype.hidePopover = function () {
  this.dispatchEvent(Object.assign(new Event("toggle"), { newState: "closed" }));
};
Element.prototype.scrollIntoView = () => {};
// axe draws text to detect icon fonts
HTMLCanvasElement.prototype.getContext = () => null;

configure({
  // jobs run in real processes, also on slow machines
  asyncUtilTimeout: 60_000,
  // the text of the page is more useful than its markup
  getElementError: (message) => {
    const main = document.querySelector("main")?.textContent ?? document.body.textContent ?? "";
    return new Error(`${message}; page text: ${main.replace(/\s+/g, " ").slice(0, 600)}`);
  },
});

class NoSizes {
  observe() {}
  unobserve() {}
  disconnect() {}
}
vi.stubGlobal("ResizeObserver", NoSizes);
vi.stubGlobal("matchMedia", (query: string) => ({ matches: false, media: query }));

afterEach(async () => {
  await stopListening();
});
afterAll(endEngine);
