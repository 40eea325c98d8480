// The real window, driven as a person would: WebKitGTK's own driver starts the built program.

import { execFile, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { remote } from "webdriverio";

const run = promisify(execFile);

/** The workspace, and the programs that were built in it. */
export const workspace = resolve(import.meta.dirname, "../..");
const built = process.env.REPARTEE_BUILT ?? join(workspace, "target/debug");
export const app = join(built, "repartee-app");
export const cli = join(built, "repartee-under-test");

async function freePort() {
  const server = createServer();
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

/** A folder that is gone when the tests end. */
export function place() {
  const folder = mkdtempSync(join(tmpdir(), "repartee-e2e-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return {
    folder,
    path: (name) => join(folder, name),
    write(name, content) {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    },
  };
}

/** Runs the command line, and gives what it printed; `--json` gives its result. */
export async function repartee(args, options = {}) {
  const { stdout } = await run(cli, args, { maxBuffer: 1 << 28, ...options });
  if (!args.includes("--json")) return stdout;
  return JSON.parse(stdout.trim().split("\n").at(-1)).result;
}

/**
 * Opens the window. `project`: a file to begin with; `settings`: those of the person; `place`: where settings
 * are kept, so that a second window finds them.
 */
export async function open({ project, settings = {}, at = place(), width = 1180, height = 780 } = {}) {
  const config = at.path("config");
  mkdirSync(config, { recursive: true });
  const usual = { person: "ada", notify: false, theme: "light", folder: at.folder };
  writeFileSync(join(config, "desk.json"), JSON.stringify({ settings: { ...usual, ...settings } }));
  const port = await freePort();
  const env = {
    ...process.env,
    REPARTEE_CONFIG: config,
    TAURI_AUTOMATION: "true",
    TAURI_WEBVIEW_AUTOMATION: "true",
    GDK_BACKEND: "x11",
    LIBGL_ALWAYS_SOFTWARE: "1",
  };
  const driver = spawn("WebKitWebDriver", [`--port=${port}`, "--host=127.0.0.1"], { env, stdio: "ignore" });
  const stop = () => driver.kill("SIGKILL");
  process.on("exit", stop);
  await listening(port);
  const begun = performance.now();
  const browser = await remote({
    hostname: "127.0.0.1",
    port,
    logLevel: "error",
    connectionRetryCount: 0,
    capabilities: {
      "wdio:enforceWebDriverClassic": true,
      "webkitgtk:browserOptions": { binary: app, args: project ? [project] : [] },
    },
  });
  await browser.setWindowSize(width, height);
  return {
    browser,
    at,
    begun,
    async close() {
      await browser.deleteSession().catch(() => {});
      stop();
    },
  };
}

async function listening(port) {
  for (let tries = 0; tries < 100; tries += 1) {
    try {
      await fetch(`http://127.0.0.1:${port}/status`);
      return;
    } catch {
      await new Promise((later) => setTimeout(later, 50));
    }
  }
  throw new Error("WebKitWebDriver does not answer; is the package webkit2gtk-driver installed?");
}
