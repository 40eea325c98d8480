// The window of Repartee.
//
//   host/      the one door to the outside: commands, signals, dialogs; `tauri.ts` is real, `fake/` is not
//   state/     what outlives a screen: open queries, jobs, the route, settings, shortcuts, words to the person
//   parts/     pieces that any screen uses: fields, dialogs, tables, meters; figures and times in words
//   chart/     the engine's pictures with a read-out over them, as a table, and into files
//   shell/     the frame: rail, jobs, help, words
//   screens/   one folder a screen; what only that screen uses lies beside it
//
// Components take data and callbacks; only screens and the shell ask the engine.

import { mount } from "svelte";
import "./tokens.css";
import "./base.css";
import App from "./App.svelte";
import { useHost } from "./host";
import { restoreProject } from "./state/project.svelte";
import { listenToEngine } from "./state/signals";
import { showToast, toastError } from "./state/toasts.svelte";

/** In a plain browser there is no engine: a made-up one stands in, chosen by the address. */
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
  // heard first, read after it: nothing that happens in between is missed
  await listenToEngine();
  await restoreProject();
}

window.addEventListener("unhandledrejection", (event) => toastError("Something went wrong", event.reason));
window.addEventListener("error", (event) =>
  showToast(`Something went wrong: ${event.message}`, { tone: "bad" }),
);
void begin();
