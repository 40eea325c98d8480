// The real engine for component tests: one process for each test file, which serves windows on sample projects
// (`tests/src/window.rs`).

import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { inject } from "vitest";

class Engine {
  /** Receives the window's events. */
  onEvent = () => {};
  #waiting = new Map();
  #last = 0;
  #errors = "";
  #ended = null;
  #process;

  constructor() {
    const { program, sample } = inject("engine");
    this.#process = spawn(program, ["serve", sample], { stdio: ["pipe", "pipe", "pipe"] });
    // a line that is sent after its end is answered by `exit`
    this.#process.stdin.on("error", () => {});
    this.#process.stderr.on("data", (text) => {
      this.#errors = `${this.#errors}${text}`.slice(-2000);
    });
    this.#process.on("exit", () => {
      this.#ended = new Error(`the engine has ended: ${this.#errors}`);
      for (const { reject } of this.#waiting.values()) reject(this.#ended);
      this.#waiting.clear();
    });
    createInterface({ input: this.#process.stdout }).on("line", (line) => this.#read(JSON.parse(line)));
  }

  #read(line) {
    if (line.event) this.onEvent(line.event);
    const waiting = this.#waiting.get(line.id);
    if (!waiting) return;
    this.#waiting.delete(line.id);
    if (line.error) waiting.reject(line.error);
    else waiting.resolve(line.result);
  }

  #ask(line) {
    if (this.#ended) return Promise.reject(this.#ended);
    this.#last += 1;
    const id = this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#process.stdin.write(`${JSON.stringify({ id, ...line })}\n`);
    });
  }

  /** Ends the window, which answers all its calls first, and starts another one on a fresh project. */
  reset(options) {
    this.onEvent = () => {};
    return this.#ask({ reset: options });
  }

  call(name, params, other = false) {
    return this.#ask({ call: name, params, other });
  }

  end() {
    this.#process.stdin.end();
    return new Promise((done) => {
      if (this.#ended) done();
      else this.#process.on("exit", () => done());
    });
  }
}

let running = null;

export function engine() {
  running ??= new Engine();
  return running;
}

export async function endEngine() {
  await running?.end();
  running = null;
}

export function writeFile(path, content) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

/** The path of a file in this folder. */
export function fixture(name) {
  return join(dirname(fileURLToPath(import.meta.url)), name);
}

/** Changes the Reddit sandbox: `crates/fake-reddit/src/control.rs`. */
export async function changeReddit(base, path, body) {
  const answer = await fetch(`${base}/__fake/${path}`, { method: "POST", body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
  return answer.json();
}

/** Opens an address as a browser does; returns where it is sent to. */
export async function visit(address) {
  const answer = await fetch(address, { redirect: "manual" });
  return answer.headers.get("location") ?? "";
}
