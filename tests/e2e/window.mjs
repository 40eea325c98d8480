// Drives the real window: WebKitWebDriver starts the built program.

import { execFile, spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { remote } from "webdriverio";

const run = promisify(execFile);

export const workspace = resolve(import.meta.dirname, "../..");
const built = process.env.REPARTEE_BUILT || join(workspace, "target/debug");
export const app = join(built, "repartee-app");
export const cli = join(built, "repartee-under-test");

/** Scale of the smallest sample pipeline: models generate gibberish, but every screen has content. */
export const SMALL = "0.04";

// A separate user state for the tests, shared by the window and the command line.
const state = mkdtempSync(join(tmpdir(), "repartee-e2e-state-"));
process.on("exit", () => rmSync(state, { recursive: true, force: true }));
process.env.REPARTEE_STATE = state;

export const pause = (ms) => new Promise((later) => setTimeout(later, ms));

/** The element was re-rendered during the call. */
const isStale = (error) => /stale element/i.test(`${error.name} ${error.message}`);

/** Polls until the result is truthy, and returns it. */
export async function until(ask, what, ms = 60_000) {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await Promise.resolve(ask()).catch((error) => {
      if (!isStale(error)) throw error;
    });
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what}: not within ${ms / 1000} s`);
    await pause(50);
  }
}

async function freePort() {
  const server = createServer();
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

/** A temporary folder, deleted when the tests end. */
export function tempFolder() {
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

/** Runs a command; returns its output, or the result with `--json`. */
export async function repartee(args, options = {}) {
  const { stdout } = await run(cli, args, { maxBuffer: 1 << 28, ...options });
  if (!args.includes("--json")) return stdout;
  return JSON.parse(stdout.trim().split("\n").at(-1)).result;
}

function copyProject(from, to) {
  copyFileSync(from, to);
  // the write-ahead log belongs to the project
  if (existsSync(`${from}-wal`)) copyFileSync(`${from}-wal`, `${to}-wal`);
  return to;
}

/**
 * A copy of a project with the results of the full pipeline: created once per build, or REPARTEE_E2E_SAMPLE.
 */
export async function sample(at) {
  const given = process.env.REPARTEE_E2E_SAMPLE;
  if (given) return copyProject(given, at.path("sample.repartee"));
  const { mtimeMs, size } = statSync(cli);
  const folder = join(tmpdir(), `repartee-e2e-sample-${Math.round(mtimeMs)}-${size}`);
  if (!existsSync(folder)) {
    const fresh = mkdtempSync(join(tmpdir(), "repartee-e2e-making-"));
    await repartee(["demo", join(fresh, "demo"), "--sample-threads", "120", "--scale", SMALL, "--quiet"]);
    renameSync(fresh, folder);
  }
  return copyProject(join(folder, "demo", "demo.repartee"), at.path("sample.repartee"));
}

/** A CSV table with a comment and a reply in each row. */
export function csv(rows, { broken = [] } = {}) {
  const lines = ["comment,reply,score,subreddit,post"];
  for (let i = 0; i < rows; i += 1) {
    lines.push(`What do you do about rust on part ${i} of a chain?,Oil it after ${i} rides and wipe it dry.,${i % 40},cycling,t3_${i}`);
  }
  for (const [at, line] of broken) lines[at] = line;
  return `${lines.join("\n")}\n`;
}

/** All processes by ID, each with its parent, start time and command line. */
export function processes() {
  const found = new Map();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const after = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      found.set(Number(name), {
        parent: Number(after[1]),
        started: Number(after[19]),
        words: readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0"),
      });
    } catch {
      // the process has ended
    }
  }
  return found;
}

/** A process and its descendants. */
export function tree(root) {
  const all = processes();
  const inside = [root];
  for (const id of inside) for (const [other, { parent }] of all) if (parent === id) inside.push(other);
  return inside;
}

/**
 * Opens the window. `project`: file to open; `settings`: user settings; `at`: folder for settings, to share
 * them between windows; `env`: additional environment variables.
 */
export async function open(options = {}) {
  const { project, settings = {}, at = tempFolder(), width = 1180, height = 780, env = {} } = options;
  const config = at.path("config");
  mkdirSync(config, { recursive: true });
  const usual = { person: "ada", notify: false, theme: "light", folder: at.folder };
  writeFileSync(join(config, "settings.json"), JSON.stringify({ settings: { ...usual, ...settings } }));
  const port = await freePort();
  const driver = spawn("WebKitWebDriver", [`--port=${port}`, "--host=127.0.0.1"], {
    env: {
      ...process.env,
      REPARTEE_CONFIG: config,
      TAURI_AUTOMATION: "true",
      TAURI_WEBVIEW_AUTOMATION: "true",
      GDK_BACKEND: "x11",
      LIBGL_ALWAYS_SOFTWARE: "1",
      ...env,
    },
    stdio: "ignore",
  });
  // jobs outlive the window, so kill those of this test
  const stop = () => {
    const workers = [...processes()].filter(([, { words }]) => words[1] === "work" && words[2]?.startsWith(at.folder));
    for (const [id] of workers) {
      try {
        process.kill(id, "SIGKILL");
      } catch {
        // it has already ended
      }
    }
    driver.kill("SIGKILL");
  };
  process.on("exit", stop);
  await listening(port);
  const browser = await remote({
    hostname: "127.0.0.1",
    port,
    logLevel: "error",
    connectionRetryCount: 0,
    connectionRetryTimeout: 60_000,
    // how long a query waits for its element
    waitforTimeout: 60_000,
    capabilities: {
      "wdio:enforceWebDriverClassic": true,
      "webkitgtk:browserOptions": { binary: app, args: project ? [project] : [] },
    },
  });
  const [, pid] = tree(driver.pid); // the driver starts only the program
  await browser.setWindowSize(width, height);
  const window = { browser, at, pid, ...actions(browser) };
  window.close = async () => {
    await browser.deleteSession().catch(() => {});
    stop();
    process.off("exit", stop);
  };
  await window.screen(project ? "overview" : "start", 60_000);
  return window;
}

async function listening(port) {
  await until(
    () => fetch(`http://127.0.0.1:${port}/status`).then(
      () => true,
      () => false,
    ),
    "WebKitWebDriver responds (package webkit2gtk-driver)",
  );
}

/** Actions and queries of a window; elements are found by `data-testid`. */
function actions(browser) {
  const css = (id) => `[data-testid="${id}"]`;
  const find = (id) => browser.$(css(id));
  const shown = async (id, ms = 60_000) => {
    await find(id).waitForDisplayed({ timeout: ms });
    return find(id);
  };
  const windowActions = {
    find,
    shown,
    screen: (name, ms) => shown(`screen-${name}`, ms),
    /** Waits until the element is enabled, then clicks it. */
    async click(id, ms = 60_000) {
      await find(id).waitForEnabled({ timeout: ms });
      await (await shown(id, ms)).click();
    },
    /**
     * Clicks the visible button, link, tab or summary with this text or accessible name (or prefix of it).
     */
    async press(words, within = "body") {
      const element = await until(
        () =>
          browser.execute(
            (text, root) => {
              const say = (one) => (one.getAttribute("aria-label") ?? one.textContent).replace(/\s+/g, " ").trim();
              const top = [...document.querySelectorAll("dialog[open]")].at(-1);
              const all = (top ?? document.querySelector(root))?.querySelectorAll(
                "button, a, summary, label, [role=tab]",
              );
              const fits = [...(all ?? [])].filter((one) => one.checkVisibility() && !one.disabled);
              return fits.find((one) => say(one) === text) ?? fits.find((one) => say(one).startsWith(text));
            },
            words,
            within,
          ),
        `“${words}” can be clicked`,
      );
      try {
        await (await browser.$(element)).click();
      } catch (error) {
        if (!isStale(error)) throw error;
        await windowActions.press(words, within);
      }
    },
    async type(id, text) {
      await (await shown(id)).setValue(text);
    },
    /** Presses keys in sequence. */
    async keys(...keys) {
      for (const key of keys) await browser.keys(key);
    },
    async text(id) {
      // the driver's getText omits text hidden by an ellipsis
      return browser.execute((one) => one.innerText.trim(), await shown(id));
    },
    attribute: (id, name) => find(id).getAttribute(name),
    waitForText: (text, ms) =>
      until(() => browser.execute((t) => document.body.innerText.includes(t), text), `the page contains “${text}”`, ms),
    /** Goes to an address and waits until it is loaded. */
    async go(address) {
      await browser.execute((to) => {
        location.hash = to.slice(1);
      }, address);
      await windowActions.settled();
    },
    /** Waits until nothing is loading and the page is painted. */
    settled: () =>
      until(
        () =>
          browser.executeAsync((done) => {
            const isLoading = () =>
              [...document.querySelectorAll("p[role=status].muted")].some((p) => p.textContent.endsWith("…"));
            if (isLoading()) return done(false);
            setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(() => done(!isLoading()))), 120);
          }),
        "the screen is loaded",
      ),
  };
  return windowActions;
}
