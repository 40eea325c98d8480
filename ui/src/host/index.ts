// The one door to the outside: commands and signals of the engine, and what only a window can do.
// `tauri.ts` is the real one; `fake/` an engine in memory for component tests and for a plain browser.

import type { AppEvent, Commands, EngineError } from "./api";

export type * from "./api";

export type Command = keyof Commands;
export type Params<C extends Command> = Commands[C]["params"];
export type Result<C extends Command> = Commands[C]["result"];

export interface FileKind {
  name: string;
  extensions: string[];
}

export interface Host {
  /** Calls the engine; rejects with an [`EngineError`]. */
  call<C extends Command>(name: C, params: Params<C>): Promise<Result<C>>;
  /** Hears every notice from now on; gives a function that stops it. */
  listen(heard: (event: AppEvent) => void): Promise<() => void>;
  dialogs: {
    open(options: { title: string; many?: boolean; kinds?: FileKind[] }): Promise<string[]>;
    folder(options: { title: string }): Promise<string | null>;
    save(options: { title: string; path?: string; kinds?: FileKind[] }): Promise<string | null>;
  };
  /** A notification of the desktop; does nothing where the person has not allowed it. */
  notify(title: string, text: string): Promise<void>;
  /** Shows a file or folder in the system's own browser of files. */
  openPath(path: string): Promise<void>;
  /** Opens an address in the system's browser. */
  openLink(address: string): Promise<void>;
  copy(text: string): Promise<void>;
  setTitle(title: string): Promise<void>;
  /** Hears of files that are dropped on the window; gives a function that stops it. */
  onDrop(heard: (paths: string[]) => void): Promise<() => void>;
  /** Asks before the window closes: where the answer is no, it stays. Gives a function that stops it. */
  onClose(mayClose: () => Promise<boolean>): Promise<() => void>;
  /** Closes the window without asking. */
  closeWindow(): Promise<void>;
  /** One more window, on this project or on none. */
  openWindow(path: string | null): Promise<void>;
}

let chosen: Host | null = null;

/** Sets the host; once, before anything is drawn (each component test sets its own). */
export function useHost(host: Host): void {
  chosen = host;
}

export function host(): Host {
  if (!chosen) throw new Error("no host: call useHost first");
  return chosen;
}

/** Calls the engine. */
export function call<C extends Command>(name: C, params: Params<C>): Promise<Result<C>> {
  return host().call(name, params);
}

/** What the engine says, without what only the command line can do about it: "; `repartee …` does it". */
export function withoutCommand(words: string): string {
  return words.replace(/; `repartee [^;]*$/, "");
}

/** Whatever was thrown, as the engine's error. */
export function failure(thrown: unknown): EngineError {
  if (typeof thrown === "object" && thrown !== null && "code" in thrown && "message" in thrown) {
    const error = thrown as EngineError;
    return { ...error, message: withoutCommand(error.message) };
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { code: "internal", message, detail: [] };
}
