// The fake host: an in-memory engine, and a window that records calls.

import type { Command, Host, Params } from "../index";
import { FakeEngine, type FakeOptions } from "./engine";

export { FakeEngine, type FakeOptions } from "./engine";

export interface FakeHost extends Host {
  engine: FakeEngine;
  /** Results of file dialogs, set by tests. */
  answers: { open: string[]; folder: string | null; save: string | null };
  copied: string[];
  notified: string[];
  opened: string[];
  title: string;
  closed: boolean;
  /** Simulates the close button of the window. */
  close(): Promise<void>;
  /** Simulates files dropped on the window. */
  drop(paths: string[]): void;
}

export function fakeHost(options: FakeOptions = {}): FakeHost {
  const engine = new FakeEngine(options);
  const closing = new Set<() => Promise<boolean>>();
  const drops = new Set<(paths: string[]) => void>();
  const fake: FakeHost = {
    engine,
    answers: {
      open: ["/home/ada/data/answers.csv"],
      folder: "/home/ada/models/gpt2",
      save: "/home/ada/Repartee/new.repartee",
    },
    copied: [],
    notified: [],
    opened: [],
    title: "",
    closed: false,
    call: <C extends Command>(name: C, params: Params<C>) => engine.call(name, params),
    listen: async (heard) => engine.listen(heard),
    dialogs: {
      open: async () => fake.answers.open,
      folder: async () => fake.answers.folder,
      save: async () => fake.answers.save,
    },
    notify: async (title, text) => {
      fake.notified.push(`${title}: ${text}`);
    },
    openPath: async (path) => {
      fake.opened.push(path);
    },
    openLink: async (address) => {
      fake.opened.push(address);
    },
    copy: async (text) => {
      fake.copied.push(text);
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
      fake.closed ||= answers.every(Boolean);
    },
    closeWindow: async () => {
      fake.closed = true;
    },
    openWindow: async (path) => {
      fake.opened.push(`window ${path}`);
    },
    setTitle: async (title) => {
      fake.title = title;
      document.title = title;
    },
  };
  return fake;
}
