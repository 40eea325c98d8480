// Which project is open in this window.

import { call, host, type ProjectInfo } from "../host";
import { readDesk } from "./desk.svelte";
import { jobs } from "./jobs.svelte";
import { forgetAnswers } from "./query.svelte";
import { go } from "./route.svelte";

let open = $state.raw<ProjectInfo | null>(null);

export const project = {
  get now() {
    return open;
  },
};

async function enter(entered: ProjectInfo | null): Promise<void> {
  forgetAnswers();
  jobs.clear();
  open = entered;
  void host().setTitle(entered ? `${entered.name} - Repartee` : "Repartee");
  if (entered) await jobs.read();
}

/** At the start and after a reload of the web view: what this window had open. */
export async function comeBack(): Promise<void> {
  const desk = await readDesk();
  await enter(desk.project);
}

export async function openProject(path: string): Promise<void> {
  await enter(await call("project.open", { path }));
  go("#/overview");
  await readDesk();
}

export async function createProject(path: string): Promise<void> {
  await enter(await call("project.create", { path }));
  go("#/overview");
  await readDesk();
}

/** Makes the sample project and starts the whole loop in it. */
export async function trySample(path: string | null = null): Promise<void> {
  await enter(await call("project.sample", { path }));
  go("#/overview");
  await jobs.start("demo", {}); // in the engine's own sizes
  await readDesk();
}

export async function closeProject(): Promise<void> {
  await call("project.close", {});
  await enter(null);
  go("#/");
  await readDesk();
}
