// Which project is open in this window.

import { call, type EngineError, failure, host, type ProjectInfo } from "../host";
import { readApp } from "./app.svelte";
import { jobs } from "./jobs.svelte";
import { clearQueries } from "./query.svelte";
import { go, route } from "./route.svelte";

let open = $state.raw<ProjectInfo | null>(null);

export const project = {
  get now() {
    return open;
  },
};

async function enter(entered: ProjectInfo | null): Promise<void> {
  clearQueries();
  jobs.clear();
  open = entered;
  void host().setTitle(entered ? `${entered.name} - Repartee` : "Repartee");
  if (entered) await jobs.read();
}

let asked = $state.raw<{ path: string; error: EngineError } | null>(null);

/** The project this window was to begin with, when it could not be opened. */
export const refused = {
  get now() {
    return asked;
  },
};

/** At the start and after a reload of the web view: what this window had open, or was started on. */
export async function restoreProject(): Promise<void> {
  const desk = await readApp();
  await enter(desk.project);
  const path = route.query.get("open");
  if (desk.project || path === null) return;
  try {
    await openProject(path);
  } catch (thrown) {
    asked = { path, error: failure(thrown) };
  }
}

export async function openProject(path: string): Promise<void> {
  await enter(await call("project.open", { path }));
  go("#/overview");
  await readApp();
}

export async function createProject(path: string): Promise<void> {
  await enter(await call("project.create", { path }));
  go("#/overview");
  await readApp();
}

/** Makes the sample project and starts the whole loop in it. */
export async function trySample(path: string | null = null): Promise<void> {
  await enter(await call("project.sample", { path }));
  go("#/overview");
  await jobs.start("demo", {}); // in the engine's own sizes
  await readApp();
}

export async function closeProject(): Promise<void> {
  await call("project.close", {});
  await enter(null);
  go("#/");
  await readApp();
}
