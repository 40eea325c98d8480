// What is there without a project: settings, recent projects, the machine.

import { type AppInfo, call, type Settings } from "../host";
import { onAppEvent } from "./signals";

let current = $state.raw<AppInfo | null>(null);

export const appState = {
  get now() {
    return current;
  },
  /** The name under which what a person does to a reply is noted. */
  get person() {
    return current?.settings.person || "me";
  },
};

/** Reads the app; at the start, and when the list of recent projects may have changed. */
export async function readAppState(): Promise<AppInfo> {
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

// another window may have changed them
onAppEvent((event) => {
  if (event.event === "settings") take(event.settings);
});

function apply(settings: Settings): void {
  const root = document.documentElement;
  root.dataset.theme = settings.theme;
  root.style.fontSize = `${settings.text}%`;
}

export const TEXT_SIZES = [100, 110, 125, 150, 175, 200];

/** Text one step larger or smaller; 0 sets it back. */
export async function resizeText(step: -1 | 0 | 1): Promise<void> {
  if (!current) return;
  const now = current.settings.text;
  const larger = TEXT_SIZES.find((size) => size > now) ?? 200;
  const smaller = TEXT_SIZES.findLast((size) => size < now) ?? 100;
  const text = step === 0 ? 100 : step > 0 ? larger : smaller;
  await saveSettings({ ...current.settings, text });
}
