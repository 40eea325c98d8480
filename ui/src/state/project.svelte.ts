// The project that is open in this window.

import { call, type EngineError, failure, host, type ProjectInfo } from "../host";
import { readApp } from "./app.svelte";
import { jobs } from "./jobs.svelte";
import { clearModels } from "./models.svelte";
import { clearQueries } from "./query.svelte";
import { go, route } from "./route.svelte";
import { showToast } from "./toasts.svelte";

let open = $state.raw<ProjectInfo | null>(null);

export const project = {
  get now() {
    return open;
  },
};

async function show(shown: ProjectInfo | null): Promise<void> {
  clearQueries();
  jobs.clear();
  clearModels();
  open = shown;
  void host().setTitle(shown ? `${shown.name} - Repartee` : "Repartee");
  if (shown?.migrated_from)
    showToast(
      `This project was created by an older version and has been upgraded. The original was copied to ${shown.migrated_from}.`,
      { screen: null },
    );
  if (shown) await jobs.read();
}

let failed = $state.raw<{ path: string; error: EngineError } | null>(null);

/** The project that this window was started with, if it could not be opened. */
export const failedToOpen = {
  get now() {
    return failed;
  },
};

/** On startup and after a reload: opens the project that this window had open or was started with. */
export async function restoreProject(): Promise<void> {
  const info = await readApp();
  await show(info.project);
  const path = route.query.get("open");
  if (info.project || path === null) return;
  try {
    await openProject(path);
  } catch (thrown) {
    failed = { path, error: failure(thrown) };
  }
}

export async function openProject(path: string): Promise<void> {
  await show(await call("project.open", { path }));
  go("#/overview");
  await readApp();
}

export async function createProject(path: string): Promise<void> {
  await show(await call("project.create", { path }));
  go("#/overview");
  await readApp();
}

/** Creates the sample project and runs the full pipeline in it. */
export async function trySample(path: string | null = null): Promise<void> {
  await show(await call("project.sample", { path }));
  go("#/overview");
  await jobs.start("demo", {});
  await readApp();
}

export async function closeProject(): Promise<void> {
  await call("project.close", {});
  await show(null);
  go("#/");
  await readApp();
}
