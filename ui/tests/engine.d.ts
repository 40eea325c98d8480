import type { AppEvent, Command, Params, Result, Settings } from "../src/host";

export interface Started {
  /** A folder for files of the test. */
  folder: string;
  /** The open project. */
  project: string | null;
  /** The address of the Reddit sandbox. */
  server: string;
}

export interface Reset {
  project: "full" | "unconfirmed" | "empty" | "none";
  copied: boolean;
  elsewhere: boolean;
  login: boolean;
  hurry: boolean;
  settings: Partial<Settings>;
}

export interface Engine {
  onEvent: (event: AppEvent) => void;
  reset(options: Reset): Promise<Started>;
  call<C extends Command>(name: C, params: Params<C>, other?: boolean): Promise<Result<C>>;
}

export function engine(): Engine;
export function endEngine(): Promise<void>;
export function writeFile(path: string, content: string): void;
export function changeReddit(base: string, path: string, body: object): Promise<Record<string, unknown>>;
export function visit(address: string): Promise<string>;
/** The path of a file in this folder. */
export function fixture(name: string): string;
