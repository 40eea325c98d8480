// Application state outside of any project: settings, recent projects, this machine.

import { type AppInfo, call, type Settings } from "../host";
import { onAppEvent } from "./signals";

let current = $state.raw<AppInfo | null>(null);

export const app = {
  get now() {
    return current;
  },
  /** The name recorded when a reply is approved, edited or rejected. */
  get person() {
    return current?.settings.person || "me";
  },
};

/** Runs at startup, and whenever the list of recent projects may have changed. */
export async function readApp(): Promise<AppInfo> {
  const read = await call("app.get", {});
  current = read;
  apply(read.settings);
  return read;
}

export async function saveSettings(settings: Settings): Promise<void> {
  const saved = await call("app.settings", settings);
  take(saved);
}

function take(settings: Settings): void {
  if (current) current = { ...current, settings };
  apply(settings);
}

// another window may have changed the settings
onAppEvent((event) => {
  if (event.event === "settings") take(event.settings);
});

function apply(settings: Settings): void {
  const root = document.documentElement;
  root.dataset.theme = settings.theme;
  root.style.fontSize = `${settings.text}%`;
}

export const TEXT_SIZES = [100, 110, 125, 150, 175, 200];

let resizing: Promise<void> = Promise.resolve();

/** Changes the text size by one step; 0 resets it. A step begins at the size that the previous one has saved. */
export function resizeText(step: -1 | 0 | 1): Promise<void> {
  resizing = resizing.catch(() => {}).then(() => resizeBy(step));
  return resizing;
}

async function resizeBy(step: -1 | 0 | 1): Promise<void> {
  if (!current) return;
  const now = current.settings.text;
  const larger = TEXT_SIZES.find((size) => size > now) ?? 200;
  const smaller = TEXT_SIZES.findLast((size) => size < now) ?? 100;
  const text = step === 0 ? 100 : step > 0 ? larger : smaller;
  await saveSettings({ ...current.settings, text });
}
