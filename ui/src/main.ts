// The window of Repartee.
//   host/      the only access to the outside: commands, signals, dialogs (`tauri.ts`; `fake/` in tests)
//   state/     state that outlives a screen: queries, jobs, route, settings, shortcuts, toasts
//   parts/     shared components (fields, dialogs, tables, meters) and number and time formats
//   chart/     the engine's charts: readings under the pointer, table view, export
//   shell/     the frame: sidebar, jobs, shortcuts, toasts
//   screens/   one folder per screen, with the components that only it uses
// Components take data and callbacks; only screens and the shell call the engine.

import { mount } from "svelte";
import "./tokens.css";
import "./base.css";
import App from "./App.svelte";
import { useHost } from "./host";
import { restoreProject } from "./state/project.svelte";
import { listenToEngine } from "./state/signals";
import { showToast, toastError } from "./state/toasts.svelte";

/** A plain browser has no engine: in development a fake one, configured by the address, replaces it. */
async function chooseHost(): Promise<void> {
  if ("__TAURI_INTERNALS__" in window) {
    const { tauriHost } = await import("./host/tauri");
    useHost(tauriHost());
  } else if (import.meta.env.DEV || import.meta.env.MODE === "fake") {
    const { fakeHost } = await import("./host/fake");
    const asked = new URLSearchParams(location.search);
    const theme = asked.get("theme");
    useHost(
      fakeHost({
        project: (asked.get("project") ?? "full") as "full" | "empty" | "none",
        speed: Number(asked.get("speed") ?? 1),
        ...(asked.has("pairs") ? { pairs: Number(asked.get("pairs")) } : {}),
        settings: {
          text: Number(asked.get("text") ?? 100),
          ...(theme === "light" || theme === "dark" ? { theme } : {}),
        },
      }),
    );
  }
}

async function begin(): Promise<void> {
  await chooseHost();
  const target = document.getElementById("app");
  if (!target) return;
  mount(App, { target });
  // subscribe before the first read, so that no change in between is missed
  await listenToEngine();
  await restoreProject();
}

window.addEventListener("unhandledrejection", (event) => toastError("Something went wrong", event.reason));
window.addEventListener("error", (event) =>
  showToast(`Something went wrong: ${event.message}`, { tone: "bad" }),
);
void begin();
