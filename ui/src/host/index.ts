// The only access to the outside: the engine's commands and signals, and the functions of a desktop window.
// `tauri.ts` is the host of the real window; component tests have one over the same engine (`test-host.ts`).

import type { AppEvent, Commands, EngineError, READS } from "./api";

export type * from "./api";
export { READS } from "./api";

export type Command = keyof Commands;
/** Commands that only read. */
export type QueryName = keyof typeof READS;
export type Params<C extends Command> = Commands[C]["params"];
export type Result<C extends Command> = Commands[C]["result"];

export interface FileKind {
  name: string;
  extensions: string[];
}

export interface Host {
  /** Rejects with an [`EngineError`]. */
  call<C extends Command>(name: C, params: Params<C>): Promise<Result<C>>;
  /** Subscribes to the engine's events; returns a function that unsubscribes. */
  listen(listener: (event: AppEvent) => void): Promise<() => void>;
  dialogs: {
    open(options: { title: string; many?: boolean; kinds?: FileKind[] }): Promise<string[]>;
    folder(options: { title: string }): Promise<string | null>;
    save(options: { title: string; path?: string; kinds?: FileKind[] }): Promise<string | null>;
  };
  /** Sends a desktop notification, if the user allows them. */
  notify(title: string, text: string): Promise<void>;
  /** Opens a folder in the system's file manager. */
  openPath(path: string): Promise<void>;
  /** Opens an address in the default browser. */
  openLink(address: string): Promise<void>;
  copy(text: string): Promise<void>;
  /** Copies a PNG. Rejects where the web view can't. */
  copyPicture(png: Promise<Blob>): Promise<void>;
  setTitle(title: string): Promise<void>;
  /** Subscribes to files dropped on the window. */
  onDrop(listener: (paths: string[]) => void): Promise<() => void>;
  /** Asks before the window closes; it stays open if the answer is no. */
  onClose(mayClose: () => Promise<boolean>): Promise<() => void>;
  /** Closes the window without asking. */
  closeWindow(): Promise<void>;
  /** Opens another window, with a project or without. */
  openWindow(path: string | null): Promise<void>;
}

let chosen: Host | null = null;

/** Called once before mounting; each component test sets its own host. */
export function useHost(host: Host): void {
  chosen = host;
}

export function host(): Host {
  if (!chosen) throw new Error("no host: call useHost first");
  return chosen;
}

export function call<C extends Command>(name: C, params: Params<C>): Promise<Result<C>> {
  return host().call(name, params);
}

/** Removes command-line advice from an engine message: "; `repartee …` does it". */
export function withoutCommand(words: string): string {
  return words.replace(/; `repartee [^;]*$/, "");
}

/** Converts anything thrown to an engine error. */
export function failure(thrown: unknown): EngineError {
  if (typeof thrown === "object" && thrown !== null && "code" in thrown && "message" in thrown) {
    const error = thrown as EngineError;
    return { ...error, message: withoutCommand(error.message) };
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { code: "internal", message, detail: [] };
}
