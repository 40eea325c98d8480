// The window of Repartee.
//   host/      the only access to the outside: commands, signals, dialogs (`tauri.ts`)
//   state/     state that outlives a screen: queries, jobs, route, settings, shortcuts, toasts
//   parts/     shared components (fields, dialogs, tables, meters) and number and time formats
//   chart/     the engine's charts: readings under the pointer, table view, export
//   shell/     the frame: sidebar, jobs, command palette, shortcuts, toasts
//   screens/   one folder per screen, with the components that only it uses
// Components take data and callbacks; only screens and the shell call the engine.

import { mount } from "svelte";
import "./tokens.css";
import "./base.css";
import App from "./App.svelte";
import { useHost } from "./host";
import { tauriHost } from "./host/tauri";
import { restoreProject } from "./state/project.svelte";
import { listenToEngine } from "./state/signals";
import { showToast, toastError } from "./state/toasts.svelte";

async function begin(): Promise<void> {
  useHost(tauriHost());
  const target = document.getElementById("app");
  if (!target) return;
  mount(App, { target });
  // subscribe before the first read, so that no change in between is missed
  await listenToEngine();
  await restoreProject();
}

window.addEventListener("unhandledrejection", (event) =>
  toastError("Something went wrong", event.reason, { screen: null }),
);
window.addEventListener("error", (event) =>
  showToast(`Something went wrong: ${event.message}`, { tone: "bad", screen: null }),
);
void begin();
