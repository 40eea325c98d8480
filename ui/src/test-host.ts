// Hosts for component tests: the real engine behind a window that records calls, or given answers.

import { changeReddit, engine, type Started, visit, writeFile } from "../tests/engine";
import type { AppEvent, Command, EngineError, Family, Host, Params, Result, Settings } from "./host";

/** Changes the answers of a command on their way, for states that the samples do not have. */
export type Changes = { [C in Command]?: (answer: Result<C>, params: Params<C>) => Result<C> };

interface Calls {
  /** All calls in order. */
  asked: { name: Command; params: unknown }[];
  /** The number of calls that are not answered yet. */
  unanswered: number;
  /** Errors by command: such a command is not called. */
  failing: Partial<Record<Command, EngineError>>;
  /** Additional response time in milliseconds. */
  delay: number;
  /** Sends an event to the window. */
  send(event: AppEvent): void;
  changed(...families: Family[]): void;
}

interface Desktop extends Omit<Host, "call" | "listen"> {
  /** Results of file dialogs, set by tests. */
  answers: { open: string[]; folder: string | null; save: string | null };
  copied: string[];
  pictures: Blob[];
  notified: string[];
  opened: string[];
  title: string;
  closed: boolean;
  /** Simulates the close button of the window. */
  close(): Promise<void>;
  /** Simulates files dropped on the window. */
  drop(paths: string[]): void;
}

export type StubHost = Host & Calls & Desktop;

export interface TestHost extends StubHost, Started {
  changes: Changes;
  /** Calls the engine, and records nothing. */
  ask<C extends Command>(name: C, params: Params<C>): Promise<Result<C>>;
  /** As [`ask`], in another process that has the project open. */
  other<C extends Command>(name: C, params: Params<C>): Promise<Result<C>>;
  /** Writes a file into the folder of the test; returns its path. */
  write(name: string, content: string): string;
  /** Changes the Reddit sandbox. */
  reddit(path: string, body: object): Promise<Record<string, unknown>>;
  /** Opens an address as a browser does; returns where it is sent to. */
  visit(address: string): Promise<string>;
}

export interface TestOptions {
  /**
   * The project that is open at startup: the full sample, the sample with replies whose delivery is unconfirmed, a
   * new one, or none.
   */
  project?: "full" | "unconfirmed" | "empty" | "none";
  /** Opens a copy of the project file. */
  copied?: boolean;
  /** On another machine than the sample was made on: without its key and ledger. */
  elsewhere?: boolean;
  /** Whether the environment has the login of the sample's account. */
  login?: boolean;
  /** Whether waits take no time in the sandbox. */
  hurry?: boolean;
  settings?: Partial<Settings>;
  failing?: Calls["failing"];
  changes?: Changes;
}

/** A window that records what it is told. */
function desktop(): Desktop {
  const closing = new Set<() => Promise<boolean>>();
  const drops = new Set<(paths: string[]) => void>();
  const made: Desktop = {
    answers: { open: [], folder: null, save: null },
    copied: [],
    pictures: [],
    notified: [],
    opened: [],
    title: "",
    closed: false,
    dialogs: {
      open: async () => made.answers.open,
      folder: async () => made.answers.folder,
      save: async () => made.answers.save,
    },
    notify: async (title, text) => {
      made.notified.push(`${title}: ${text}`);
    },
    openPath: async (path) => {
      made.opened.push(path);
    },
    openLink: async (address) => {
      made.opened.push(address);
    },
    copy: async (text) => {
      made.copied.push(text);
    },
    copyPicture: async (png) => {
      made.pictures.push(await png);
    },
    onDrop: async (heard) => {
      drops.add(heard);
      return () => drops.delete(heard);
    },
    drop: (paths) => {
      for (const heard of drops) heard(paths);
    },
    onClose: async (mayClose) => {
      closing.add(mayClose);
      return () => closing.delete(mayClose);
    },
    close: async () => {
      const answers = await Promise.all([...closing].map((mayClose) => mayClose()));
      made.closed ||= answers.every(Boolean);
    },
    closeWindow: async () => {
      made.closed = true;
    },
    openWindow: async (path) => {
      made.opened.push(`window ${path}`);
    },
    setTitle: async (title) => {
      made.title = title;
      document.title = title;
    },
  };
  return made;
}

function hostOver(answer: <C extends Command>(name: C, params: Params<C>) => unknown): StubHost {
  const ears = new Set<(event: AppEvent) => void>();
  const host: StubHost = Object.assign(desktop(), {
    asked: [] as Calls["asked"],
    unanswered: 0,
    failing: {},
    delay: 0,
    send: (event: AppEvent) => {
      for (const heard of [...ears]) heard(event);
    },
    changed: (...families: Family[]) => host.send({ event: "changed", families }),
    listen: async (heard: (event: AppEvent) => void) => {
      ears.add(heard);
      return () => ears.delete(heard);
    },
    call: async <C extends Command>(name: C, params: Params<C>): Promise<Result<C>> => {
      // a copy: the window may change what it passed
      host.asked.push({ name, params: JSON.parse(JSON.stringify(params)) });
      host.unanswered += 1;
      try {
        if (host.delay > 0) await new Promise((done) => setTimeout(done, host.delay));
        const failing = host.failing[name];
        if (failing) throw failing;
        return (await answer(name, params)) as Result<C>;
      } finally {
        host.unanswered -= 1;
      }
    },
  });
  return host;
}

/** A host with given answers, which may be changed: for state that needs no engine, and for tests that set the time. */
export function stubHost(given: { [C in Command]?: unknown }): StubHost {
  return hostOver((name) => {
    if (!(name in given)) throw new Error(`the stub has no answer to ${name}`);
    return JSON.parse(JSON.stringify(given[name]));
  });
}

/** The engine on a fresh project. */
export async function testHost(options: TestOptions = {}): Promise<TestHost> {
  const real = engine();
  const started = await real.reset({
    project: options.project ?? "full",
    copied: options.copied ?? false,
    elsewhere: options.elsewhere ?? false,
    login: options.login ?? true,
    hurry: options.hurry ?? true,
    settings: options.settings ?? {},
  });
  // all calls of the previous window are answered: what waited for them must not act on this one
  await new Promise((done) => setTimeout(done, 0));
  const host: TestHost = Object.assign(
    hostOver(async (name, params) => {
      const answer = await real.call(name, params);
      const change = host.changes[name] as ((answer: unknown, params: unknown) => unknown) | undefined;
      return change ? change(answer, params) : answer;
    }),
    started,
    {
      changes: options.changes ?? ({} as Changes),
      ask: <C extends Command>(name: C, params: Params<C>) => real.call(name, params),
      other: <C extends Command>(name: C, params: Params<C>) => real.call(name, params, true),
      write: (name: string, content: string) => {
        const path = `${started.folder}/${name}`;
        writeFile(path, content);
        return path;
      },
      reddit: (path: string, body: object) => changeReddit(started.server, path, body),
      visit,
    },
  );
  host.failing = options.failing ?? {};
  real.onEvent = host.send;
  return host;
}
